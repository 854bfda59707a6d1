{{/* The one subject of all bindings. */}}
{{- define "vmrestore.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: vmrestore-controller
    namespace: {{ .Release.Namespace }}
{{- end }}

{{- define "vmrestore.labels" -}}
app.kubernetes.io/name: vmrestore
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
