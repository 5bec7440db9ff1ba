{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "hookline.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "hookline.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "hookline.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "hookline.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "hookline.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "hookline.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "hookline.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "hookline.selector" -}}
app.kubernetes.io/name: {{ include "hookline.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "hookline.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "hookline.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Of pods: what changes with the chart's version would replace them for nothing. */}}
{{- define "hookline.podLabels" -}}
{{ include "hookline.selector" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Name, labels and annotations. Of: root; name; component (optional); labels, annotations (optional). */}}
{{- define "hookline.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "hookline.labels" .root | nindent 2 }}
  {{- with .component }}
  app.kubernetes.io/component: {{ . }}
  {{- end }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with mergeOverwrite (deepCopy .root.Values.commonAnnotations) (default dict .annotations) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A duration such as 25s in seconds, rounded up. */}}
{{- define "hookline.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | int64 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- if eq $unit "ms" }}{{ div (add $number 999) 1000 }}
{{- else if eq $unit "m" }}{{ mul $number 60 }}
{{- else if eq $unit "h" }}{{ mul $number 3600 }}
{{- else if eq $unit "d" }}{{ mul $number 86400 }}
{{- else }}{{ $number }}{{ end -}}
{{- end -}}

{{/*
All components as a map {components: [{name, role, pool, values}]}: what common has, and what they say otherwise.
*/}}
{{- define "hookline.components" -}}
{{- $root := . -}}
{{- $list := list -}}
{{- if .Values.bridge.enabled -}}
{{- $list = append $list (dict "name" "bridge" "role" "bridge" "values" .Values.bridge) -}}
{{- end -}}
{{- range $pool, $values := .Values.consumers -}}
{{- if $values -}}
{{- $list = append $list (dict "name" (printf "consumer-%s" $pool) "role" "consumer" "pool" $pool "values" $values) -}}
{{- end -}}
{{- end -}}
{{- if .Values.console.enabled -}}
{{- $list = append $list (dict "name" "console" "role" "console" "values" .Values.console) -}}
{{- end -}}
{{- $merged := list -}}
{{- range $list -}}
{{- $values := mergeOverwrite (deepCopy $root.Values.common) (deepCopy .values) -}}
{{- $merged = append $merged (merge (dict "values" $values "fullname" (printf "%s-%s" (include "hookline.fullname" $root) .name)) .) -}}
{{- end -}}
{{- toYaml (dict "components" $merged) -}}
{{- end -}}
