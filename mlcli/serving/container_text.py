"""The fixed texts of a container context; only names and numbers made here are filled in."""

from __future__ import annotations

DOCKERFILE = """\
# docker build -t NAME . && docker run --rm -p 8000:8000 --read-only --tmpfs /tmp NAME
ARG PYTHON={python}
FROM python:${{PYTHON}}-slim

WORKDIR /app
COPY requirements.txt {wheel} ./
# requirements.txt names everything that is needed, so nothing else is looked for.
RUN ["python", "-m", "pip", "install", "--no-cache-dir", "--no-deps", "-r", "requirements.txt", "./{wheel}"]
COPY model.mlcli settings.json ./

ENV PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["python", "-I", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8000, timeout=2); c.request('GET', '/livez'); sys.exit(c.getresponse().status != 200)"]
CMD ["python", "-P", "-m", "mlcli.serving", "--artifact", "/app/model.mlcli", "--settings", "/app/settings.json", "--host", "0.0.0.0", "--port", "8000", "--workers", "{workers}", {access}]
"""

DOCKERIGNORE = """\
*
!requirements.txt
!{wheel}
!model.mlcli
!settings.json
"""

KUBERNETES = """\
# kubectl apply -f k8s.yaml, once the image stands where the cluster finds it.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: {{app: {name}}}
spec:
  replicas: 2
  selector:
    matchLabels: {{app: {name}}}
  strategy:
    rollingUpdate: {{maxUnavailable: 0, maxSurge: 1}}
  template:
    metadata:
      labels: {{app: {name}}}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/path: /metrics
        prometheus.io/port: "8000"
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      # The drain delay, the deadline of a request, and some seconds to spare.
      terminationGracePeriodSeconds: {grace}
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        runAsGroup: 10001
        fsGroup: 10001
        seccompProfile: {{type: RuntimeDefault}}
      containers:
        - name: mlcli
          image: "{image}"
          ports:
            - {{name: http, containerPort: 8000}}
          startupProbe:
            httpGet: {{path: /readyz, port: http}}
            periodSeconds: 1
            failureThreshold: 60
          readinessProbe:
            httpGet: {{path: /readyz, port: http}}
            periodSeconds: 2
            failureThreshold: 1
          livenessProbe:
            httpGet: {{path: /livez, port: http}}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          resources:
            requests: {{cpu: "{cpu}", memory: {memory}Mi}}
            limits: {{memory: {most_memory}Mi}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {{drop: [ALL]}}
          volumeMounts:
            - {{name: tmp, mountPath: /tmp}}
{tokens_mount}\
      volumes:
        - name: tmp
          emptyDir: {{sizeLimit: 64Mi}}
{tokens_volume}\
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
spec:
  selector: {{app: {name}}}
  ports:
    - {{name: http, port: 80, targetPort: http}}
---
# The service never calls out; this says so to the network.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {name}
spec:
  podSelector:
    matchLabels: {{app: {name}}}
  policyTypes: [Egress]
  egress: []
"""

TOKENS_MOUNT = """\
            - {name: tokens, mountPath: /run/secrets/mlcli, readOnly: true}
"""

TOKENS_VOLUME = """\
        # kubectl create secret generic {name} --from-file=tokens=FILE, one token a line
        - name: tokens
          secret: {{secretName: {name}}}
"""
