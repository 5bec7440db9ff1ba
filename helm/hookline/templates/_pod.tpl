{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{/* What every pod of ours mounts. Of: root, component. */}}
{{- define "hookline.volumeMounts" -}}
{{- $values := .root.Values -}}
- name: config
  mountPath: /etc/hookline/config
  readOnly: true
{{- if and $values.kafka.tls.enabled $values.kafka.tls.existingSecret }}
- name: kafka-tls
  mountPath: /etc/hookline/kafka-tls
  readOnly: true
{{- end }}
{{- if $values.kafka.sasl.mechanism }}
- name: kafka-sasl
  mountPath: /etc/hookline/kafka-sasl
  readOnly: true
{{- end }}
{{- if $values.secrets.existingSecret }}
- name: secrets
  mountPath: /etc/hookline/secrets
  readOnly: true
{{- end }}
{{- if eq .component.role "console" }}
- name: tokens
  mountPath: /etc/hookline/tokens
  readOnly: true
{{- if .component.values.tlsSecret }}
- name: console-tls
  mountPath: /etc/hookline/console-tls
  readOnly: true
{{- end }}
{{- end }}
{{- end -}}

{{/* And where that is from. */}}
{{- define "hookline.volumes" -}}
{{- $values := .root.Values -}}
- name: config
  configMap:
    name: {{ default (printf "%s-config" (include "hookline.fullname" .root)) $values.existingConfigMap }}
    items:
      - key: {{ empty $values.existingConfigMap | ternary (printf "%s.conf" .component.name) "hookline.conf" }}
        path: hookline.conf
{{- with $values.kafka.tls }}
{{- if and .enabled .existingSecret }}
- name: kafka-tls
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .caKey | quote }}, path: ca.crt}
      {{- if .clientCertificate }}
      - {key: {{ .certificateKey | quote }}, path: tls.crt}
      - {key: {{ .privateKeyKey | quote }}, path: tls.key}
      {{- end }}
{{- end }}
{{- end }}
{{- with $values.kafka.sasl }}
{{- if .mechanism }}
- name: kafka-sasl
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .usernameKey | quote }}, path: username}
      - {key: {{ .passwordKey | quote }}, path: password}
{{- end }}
{{- end }}
{{- with $values.secrets }}
{{- if .existingSecret }}
- name: secrets
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .keyFileKey | quote }}, path: keys}
{{- end }}
{{- end }}
{{- if eq .component.role "console" }}
- name: tokens
  secret:
    secretName: {{ .component.values.tokensSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .component.values.tokensKey | quote }}, path: tokens.json}
{{- with .component.values.tlsSecret }}
- name: console-tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- end -}}

{{/* What every pod's spec begins with. */}}
{{- define "hookline.podSpec" -}}
serviceAccountName: {{ include "hookline.serviceAccount" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- end -}}

{{/* And every container of ours. */}}
{{- define "hookline.container" -}}
image: {{ include "hookline.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- toYaml .root.Values.containerSecurityContext | nindent 2 }}
{{- end -}}

{{- define "hookline.env" -}}
- name: HOOKLINE_CONFIG
  value: /etc/hookline/config/hookline.conf
{{- if .root.Values.existingConfigMap }}
{{- include "hookline.fixedEnv" . }}
{{- end }}
{{- end -}}

{{/* The pods of a component. Of: root, component. */}}
{{- define "hookline.podTemplate" -}}
{{- $root := .root -}}
{{- $component := .component -}}
{{- $values := .component.values -}}
metadata:
  labels:
    {{- include "hookline.podLabels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ $component.name }}
    hookline/role: {{ $component.role }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    {{- if not $root.Values.existingConfigMap }}
    checksum/config: {{ include "hookline.settingsText" . | sha256sum }}
    {{- end }}
    kubectl.kubernetes.io/default-container: hookline
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- include "hookline.podSpec" . | nindent 2 }}
  terminationGracePeriodSeconds: {{ int64 $values.terminationGracePeriodSeconds }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- with $values.topologySpreadConstraints }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "hookline.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $component.name }}
    {{- end }}
  {{- with $values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: hookline
      {{- include "hookline.container" . | nindent 6 }}
      args: [{{ $component.role }}]
      env:
        {{- include "hookline.env" . | nindent 8 }}
        {{- with $values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - {name: probes, containerPort: 9464, protocol: TCP}
        {{- if eq $component.role "console" }}
        - {name: api, containerPort: 9480, protocol: TCP}
        {{- end }}
      startupProbe:
        httpGet: {path: /livez, port: probes}
        {{- toYaml $values.probes.startup | nindent 8 }}
      livenessProbe:
        httpGet: {path: /livez, port: probes}
        {{- toYaml $values.probes.liveness | nindent 8 }}
      readinessProbe:
        httpGet: {path: /readyz, port: probes}
        {{- toYaml $values.probes.readiness | nindent 8 }}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        {{- include "hookline.volumeMounts" . | nindent 8 }}
        {{- with $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with $values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "hookline.volumes" . | nindent 4 }}
    {{- with $values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
