{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/* Mistakes that the schema cannot see: each fails with a sentence that names the value. */}}
{{- define "hookline.checks" -}}
{{- $values := .Values -}}
{{- if $values.existingConfigMap -}}
{{- if or $values.kafka.brokers $values.kafka.properties $values.config $values.egress -}}
{{- fail "existingConfigMap brings its own settings: kafka.brokers, kafka.properties, egress and config have to be empty" -}}
{{- end -}}
{{- else if not $values.kafka.brokers -}}
{{- fail "kafka.brokers is empty: name the Kafka brokers, as host:port, or an existingConfigMap" -}}
{{- end -}}
{{- if and $values.kafka.sasl.mechanism (not $values.kafka.sasl.existingSecret) -}}
{{- fail (printf "kafka.sasl.mechanism is %s, but kafka.sasl.existingSecret is empty: name the Secret with user name and password" $values.kafka.sasl.mechanism) -}}
{{- end -}}
{{- if and $values.kafka.sasl.existingSecret (not $values.kafka.sasl.mechanism) -}}
{{- fail "kafka.sasl.existingSecret is set, but kafka.sasl.mechanism is empty" -}}
{{- end -}}
{{- if and $values.kafka.tls.existingSecret (not $values.kafka.tls.enabled) -}}
{{- fail "kafka.tls.existingSecret is set, but kafka.tls.enabled is not: Kafka would be reached in the clear" -}}
{{- end -}}
{{- if and $values.kafka.tls.clientCertificate (not $values.kafka.tls.existingSecret) -}}
{{- fail "kafka.tls.clientCertificate needs kafka.tls.existingSecret, which has the certificate" -}}
{{- end -}}
{{- range $values.kafka.properties -}}
{{- if regexMatch "(?i)^(sasl\\.password|ssl\\.key\\.password|ssl\\.key\\.pem|sasl\\.oauthbearer\\.client\\.secret)=" . -}}
{{- fail (printf "kafka.properties has %s: passwords would stand in a ConfigMap; use kafka.sasl.existingSecret or kafka.tls.existingSecret" (regexFind "^[^=]+" .)) -}}
{{- end -}}
{{- end -}}
{{- $components := (include "hookline.components" . | fromYaml).components -}}
{{- if not $components -}}
{{- fail "nothing is enabled: neither bridge, consumers nor console" -}}
{{- end -}}
{{- range $components -}}
{{- $where := (eq .role "consumer") | ternary (printf "consumers.%s" .pool) .role -}}
{{- if and .values.autoscaling.hpa.enabled .values.autoscaling.keda.enabled -}}
{{- fail (printf "%s.autoscaling: hpa and keda are both enabled, and would work against each other" $where) -}}
{{- end -}}
{{- range $kind, $scaling := .values.autoscaling -}}
{{- if and $scaling.enabled (gt (int64 $scaling.minReplicas) (int64 $scaling.maxReplicas)) -}}
{{- fail (printf "%s.autoscaling.%s: minReplicas is greater than maxReplicas" $where $kind) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .role "consumer") (not $values.existingConfigMap) -}}
{{- $settings := include "hookline.settings" (dict "root" $ "component" .) | fromYaml -}}
{{- $drain := default "25s" (dig "consumer" "drain_timeout" "25s" $settings) -}}
{{- if ge (include "hookline.seconds" $drain | int64) (int64 .values.terminationGracePeriodSeconds) -}}
{{- fail (printf "%s: consumer.drain_timeout is %s, and terminationGracePeriodSeconds %d: pods would be killed while they drain" $where $drain (int64 .values.terminationGracePeriodSeconds)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $console := $values.console -}}
{{- if and $console.enabled (not $console.tokensSecret) -}}
{{- fail "console.enabled is set, but console.tokensSecret is empty: nobody could use the API" -}}
{{- end -}}
{{- range $kind := list "ingress" "httpRoute" -}}
{{- if and (index $console $kind).enabled (not $console.enabled) -}}
{{- fail (printf "console.%s is enabled, but console.enabled is not: there is nothing to lead to" $kind) -}}
{{- end -}}
{{- end -}}
{{- if and $console.ingress.enabled (not $console.ingress.hosts) -}}
{{- fail "console.ingress.enabled is set, but console.ingress.hosts is empty" -}}
{{- end -}}
{{- if and $console.httpRoute.enabled (not $console.httpRoute.parentRefs) -}}
{{- fail "console.httpRoute.enabled is set, but console.httpRoute.parentRefs names no gateway" -}}
{{- end -}}
{{- if and $values.metrics.podMonitor.enabled $values.metrics.serviceMonitor.enabled -}}
{{- fail "metrics.podMonitor and metrics.serviceMonitor are both enabled: everything would be counted twice" -}}
{{- end -}}
{{- range $i, $item := $values.subscriptions.items -}}
{{- range $field := list "tenant" "id" "url" "events" -}}
{{- if not (index $item $field) -}}
{{- fail (printf "subscriptions.items[%d] has no %s" $i $field) -}}
{{- end -}}
{{- end -}}
{{- if $item.secrets -}}
{{- fail (printf "subscriptions.items[%d] (%s/%s) has secrets, which would stand in a ConfigMap: name a file, as secret_file" $i $item.tenant $item.id) -}}
{{- end -}}
{{- end -}}
{{- end -}}
