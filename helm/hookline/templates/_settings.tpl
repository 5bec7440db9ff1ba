{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/* The settings file: https://hyperrealm.github.io/libconfig/. Texts are quoted as in JSON, without \u. */}}
{{- define "hookline.setting" -}}
{{- if kindIs "string" . }}{{ toRawJson . }}
{{- else if kindIs "bool" . }}{{ . }}
{{- else if kindIs "slice" . }}
{{- $items := list }}
{{- range . }}{{ $items = append $items (toRawJson (toString .)) }}{{ end -}}
[{{ join ", " $items }}]
{{- else }}{{ int64 . }}{{ end -}}
{{- end -}}

{{- define "hookline.settingsFile" -}}
{{- range $group, $settings := . }}
{{ $group }} = {
{{- range $name, $value := $settings }}
{{- if not (kindIs "invalid" $value) }}
    {{ $name }} = {{ include "hookline.setting" $value }};
{{- end }}
{{- end }}
};
{{- end }}
{{- end -}}

{{/* What a pod has to have whatever the settings say: files that are mounted, and addresses. Of: root, component. */}}
{{- define "hookline.fixed" -}}
{{- $values := .root.Values -}}
{{- $kafka := dict -}}
{{- if $values.kafka.sasl.mechanism -}}
{{- $_ := set $kafka "username_file" "/etc/hookline/kafka-sasl/username" -}}
{{- $_ := set $kafka "password_file" "/etc/hookline/kafka-sasl/password" -}}
{{- end -}}
{{- $fixed := dict "probes" (dict "listen" ":9464") -}}
{{- if $kafka }}{{ $_ := set $fixed "kafka" $kafka }}{{ end -}}
{{- if $values.secrets.existingSecret -}}
{{- $_ := set $fixed "secrets" (dict "key_file" "/etc/hookline/secrets/keys") -}}
{{- end -}}
{{- if eq .component.role "console" -}}
{{- $console := dict "listen" ":9480" "tokens_file" "/etc/hookline/tokens/tokens.json" -}}
{{- if .component.values.tlsSecret -}}
{{- $_ := set $console "certificate_file" "/etc/hookline/console-tls/tls.crt" -}}
{{- $_ := set $console "private_key_file" "/etc/hookline/console-tls/tls.key" -}}
{{- end -}}
{{- $_ := set $fixed "console" $console -}}
{{- end -}}
{{- with .component.values.tenants -}}
{{- $_ := set $fixed "consumer" (dict "tenants" .) -}}
{{- end -}}
{{- toYaml $fixed -}}
{{- end -}}

{{- define "hookline.kafkaProperties" -}}
{{- $kafka := .Values.kafka -}}
{{- $list := list -}}
{{- if and $kafka.tls.enabled $kafka.sasl.mechanism }}{{ $list = append $list "security.protocol=SASL_SSL" }}
{{- else if $kafka.tls.enabled }}{{ $list = append $list "security.protocol=SSL" }}
{{- else if $kafka.sasl.mechanism }}{{ $list = append $list "security.protocol=SASL_PLAINTEXT" }}{{ end -}}
{{- with $kafka.sasl.mechanism }}{{ $list = append $list (printf "sasl.mechanism=%s" .) }}{{ end -}}
{{- if and $kafka.tls.enabled $kafka.tls.existingSecret -}}
{{- $list = append $list "ssl.ca.location=/etc/hookline/kafka-tls/ca.crt" -}}
{{- if $kafka.tls.clientCertificate -}}
{{- $list = concat $list (list "ssl.certificate.location=/etc/hookline/kafka-tls/tls.crt" "ssl.key.location=/etc/hookline/kafka-tls/tls.key") -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "list" (concat $list $kafka.properties)) -}}
{{- end -}}

{{/* The settings of a component, as a map. Of: root, component. */}}
{{- define "hookline.settings" -}}
{{- $values := .root.Values -}}
{{- $properties := (include "hookline.kafkaProperties" .root | fromYaml).list -}}
{{- $settings := dict "kafka" (dict "brokers" $values.kafka.brokers "properties" (default list $properties)) -}}
{{- $settings = mergeOverwrite $settings (dict "topics" (deepCopy $values.topics) "egress" (deepCopy $values.egress)) -}}
{{- $settings = mergeOverwrite $settings (dict "log" (dict "format" "json")) (deepCopy $values.config) -}}
{{- $settings = mergeOverwrite $settings (deepCopy (default dict .component.values.config)) -}}
{{- mergeOverwrite $settings (include "hookline.fixed" . | fromYaml) | toYaml -}}
{{- end -}}

{{- define "hookline.settingsText" -}}
// Made by the Helm chart.
{{- include "hookline.settingsFile" (include "hookline.settings" . | fromYaml) }}
{{ end -}}

{{/* With a ConfigMap of the user's the same by environment, which wins over its file. */}}
{{- define "hookline.fixedEnv" -}}
{{- range $group, $settings := (include "hookline.fixed" . | fromYaml) }}
{{- range $name, $value := $settings }}
- name: {{ printf "HOOKLINE_%s_%s" $group $name | upper }}
  value: {{ (kindIs "slice" $value) | ternary (join "," $value) $value | quote }}
{{- end }}
{{- end }}
{{- end -}}
