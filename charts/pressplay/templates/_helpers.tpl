{{/* An image's full name: (list context name). */}}
{{- define "pressplay.image" -}}
{{- $root := index . 0 -}}
{{- $image := index $root.Values.images (index . 1) -}}
{{- $name := $image.repository -}}
{{- with $root.Values.images.registry }}{{ $name = printf "%s/%s" (trimSuffix "/" .) $image.repository }}{{ end -}}
{{- if $image.digest -}}
{{ $name }}@{{ $image.digest }}
{{- else -}}
{{ $name }}:{{ $image.tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "pressplay.labels" -}}
app.kubernetes.io/name: pressplay
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* What selects the pods of a component: (list context component). Never changes, for selectors cannot. */}}
{{- define "pressplay.selector" -}}
app.kubernetes.io/name: pressplay
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* As the pod security standard `restricted` wants it. */}}
{{- define "pressplay.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10020
runAsGroup: 10020
fsGroup: 10020
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* A user of its own for each process of the gateway's pod: they share their group, for the sockets, and no more. */}}
{{- define "pressplay.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "pressplay.pullSecrets" -}}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Namespaces that runs live in, as a JSON list under `items`, where they are known. */}}
{{- define "pressplay.runNamespaces" -}}
{{- $namespaces := .Values.watchNamespaces | default .Values.networkPolicy.runNamespaces -}}
{{- if .Values.flows.enabled }}{{ $namespaces = append $namespaces (include "pressplay.flowsNamespace" .) }}{{ end -}}
{{ dict "items" ($namespaces | uniq) | toJson }}
{{- end -}}

{{/* off, poll or webhook; YAML reads a bare off as false. */}}
{{- define "pressplay.eventsMode" -}}
{{ .Values.events.mode | toString | replace "false" "off" }}
{{- end -}}

{{/* The Secret with what a Sensor brings to the inbox. */}}
{{- define "pressplay.eventsToken" -}}
{{ .Values.events.tokenSecret | default "pressplay-events" }}
{{- end -}}

{{/* How the gateway and the signer reach the world. */}}
{{- define "pressplay.outside" -}}
{{- with .Values.proxy.http }}
- {name: HTTP_PROXY, value: {{ . | quote }}}
- {name: http_proxy, value: {{ . | quote }}}
{{- end }}
{{- with .Values.proxy.https }}
- {name: HTTPS_PROXY, value: {{ . | quote }}}
- {name: https_proxy, value: {{ . | quote }}}
{{- end }}
{{- if or .Values.proxy.http .Values.proxy.https }}
{{- $own := "localhost,127.0.0.1,.svc,.cluster.local,$(KUBERNETES_SERVICE_HOST)" }}
{{- $without := .Values.proxy.noProxy | empty | ternary $own (printf "%s,%s" $own .Values.proxy.noProxy) }}
- {name: NO_PROXY, value: {{ $without | quote }}}
- {name: no_proxy, value: {{ $without | quote }}}
{{- end }}
{{- if or .Values.caBundle.pem .Values.caBundle.existingConfigMap }}
- {name: SSL_CERT_FILE, value: /etc/pressplay/ca/ca.crt}
{{- end }}
{{- end -}}

{{/* The ConfigMap with the authority of the Argo server's certificate, as a volume has it; nothing for the public ones. */}}
{{- define "pressplay.argoAuthority" -}}
{{- $own := .Values.flows.argoServer.caBundle -}}
{{- if and .Values.flows.enabled (hasPrefix "https:" .Values.flows.argoServer.url) -}}
{{- if $own.existingConfigMap -}}
{name: {{ $own.existingConfigMap }}, items: [{key: {{ $own.key }}, path: ca.crt}]}
{{- else if $own.pem -}}
{name: pressplay-argo-ca}
{{- else if .Values.caBundle.existingConfigMap -}}
{name: {{ .Values.caBundle.existingConfigMap }}, items: [{key: {{ .Values.caBundle.key }}, path: ca.crt}]}
{{- else if .Values.caBundle.pem -}}
{name: pressplay-ca}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The ports of the addresses that the gateway's pod calls, and the API server's. */}}
{{- define "pressplay.outsidePorts" -}}
{{- $ports := list "443" "6443" -}}
{{- range list .Values.github.url .Values.github.apiUrl .Values.llm.baseUrl .Values.proxy.http .Values.proxy.https -}}
{{- if . -}}
{{- $parts := urlParse . -}}
{{- if contains ":" $parts.host -}}
{{- $ports = append $ports (splitList ":" $parts.host | last) -}}
{{- else if eq $parts.scheme "http" -}}
{{- $ports = append $ports "80" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{ dict "items" ($ports | uniq) | toJson }}
{{- end -}}

{{/* Where flows run. Their runs live there too, so it must be watched. */}}
{{- define "pressplay.flowsNamespace" -}}
{{- $namespace := .Values.flows.namespace | default .Release.Namespace -}}
{{- if and .Values.watchNamespaces (not (has $namespace .Values.watchNamespaces)) -}}
{{- fail (printf "flows.namespace is %s, which is none of watchNamespaces: runs of flows would be carried out by nobody; add it there" $namespace) -}}
{{- end -}}
{{- $namespace -}}
{{- end -}}
