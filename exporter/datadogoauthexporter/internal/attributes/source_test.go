package attributes_test

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

type attrs = map[string]any

func mapOf(t testing.TB, raw attrs) pcommon.Map {
	t.Helper()
	m := pcommon.NewMap()
	if err := m.FromRaw(raw); err != nil {
		t.Fatal(err)
	}
	return m
}

// with returns a copy of base with more laid over it; a nil value takes the key out.
func with(base attrs, more attrs) attrs {
	out := attrs{}
	for k, v := range base {
		out[k] = v
	}
	for k, v := range more {
		if v == nil {
			delete(out, k)
			continue
		}
		out[k] = v
	}
	return out
}

var (
	azureFunction = attrs{
		"cloud.platform": "azure.functions", "service.name": "resize", "cloud.account.id": "sub", "azure.resource_group.name": "rg",
		"host.name": "worker-1",
	}
	cloudRun = attrs{
		"cloud.platform": "gcp_cloud_run", "cloud.account.id": "project", "cloud.region": "europe-west1", "faas.name": "api",
		"faas.instance": "0087", "host.name": "localhost",
	}
	containerApp = attrs{
		"cloud.platform":    "azure_container_apps",
		"cloud.resource_id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/containerApps/shop",
	}
)

func TestSource(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		res  attrs
		kind attributes.Kind
		id   string
	}{
		{"nothing", attrs{}, attributes.KindNone, ""},
		{"Azure function", azureFunction, attributes.KindAzureFunctions, "resize"},
		{"Azure function in the older spelling", with(azureFunction, attrs{"cloud.platform": "azure_functions"}), attributes.KindAzureFunctions, "resize"},
		{"Azure function without subscription falls to its host", with(azureFunction, attrs{"cloud.account.id": ""}), attributes.KindHost, "worker-1"},
		{"app service", with(azureFunction, attrs{"cloud.platform": "azure.app_service"}), attributes.KindAzureAppService, "resize"},
		{"Cloud Run", cloudRun, attributes.KindGCPCloudRun, "0087"},
		{"Cloud function", with(cloudRun, attrs{"cloud.platform": "gcp_cloud_functions"}), attributes.KindGCPCloudFunctions, "0087"},
		{"Cloud Run job is final without source", with(cloudRun, attrs{"gcp.cloud_run.job.task_index": 0}), attributes.KindNoneFinal, ""},
		{"Cloud Run without region is final without source", with(cloudRun, attrs{"cloud.region": nil, "host.name": "h"}), attributes.KindNoneFinal, ""},
		{"Cloud Run with an instance that is no string", with(cloudRun, attrs{"faas.instance": 87}), attributes.KindNoneFinal, ""},
		{"container app by its resource id", containerApp, attributes.KindAzureContainerApps, "shop"},
		{"container app by its replica", with(containerApp, attrs{"service.instance.id": "r2", "azure.container_app.instance.id": "r1"}), attributes.KindAzureContainerApps, "r1"},
		{"container app by its service", with(containerApp, attrs{"service.name": "svc"}), attributes.KindAzureContainerApps, "svc"},
		{"container app that says nothing", with(containerApp, attrs{"cloud.resource_id": "/a/b", "host.name": "h"}), attributes.KindAzureContainerApps, ""},
		{"Fargate task", attrs{"aws.ecs.launchtype": "fargate", "aws.ecs.task.arn": "arn:aws:ecs:1", "host.name": "h"}, attributes.KindTaskARN, "arn:aws:ecs:1"},
		{"Fargate without task has no host", attrs{"aws.ecs.launchtype": "fargate", "host.name": "h"}, attributes.KindNone, ""},
		{"literal host beats all", attrs{"host": 17, "datadog.host.name": "d", "host.name": "h"}, attributes.KindHost, "17"},
		{"datadog.host.name beats the cloud", attrs{"datadog.host.name": "d", "cloud.provider": "aws", "host.id": "i-1"}, attributes.KindHost, "d"},
		{"EC2", attrs{"cloud.provider": "aws", "host.id": "i-1", "host.name": "ip-10"}, attributes.KindHost, "i-1"},
		{"EC2 without id does not fall through", attrs{"cloud.provider": "aws", "host.name": "ip-10"}, attributes.KindNone, ""},
		{"GCE", attrs{"cloud.provider": "gcp", "cloud.account.id": "p", "host.name": "vm.zone.c.p.internal"}, attributes.KindHost, "vm.p"},
		{"GCE with a short name", attrs{"cloud.provider": "gcp", "cloud.account.id": "p", "host.name": "vm.zone.c"}, attributes.KindHost, "vm.zone.c.p"},
		{"GCE without project", attrs{"cloud.provider": "gcp", "host.name": "vm", "k8s.node.name": "n"}, attributes.KindNone, ""},
		{"Azure VM", attrs{"cloud.provider": "azure", "host.name": "vm"}, attributes.KindHost, "vm"},
		{"Kubernetes node in a cluster", attrs{"k8s.node.name": "n", "k8s.cluster.name": "c", "host.name": "h"}, attributes.KindHost, "n-c"},
		{"Kubernetes node", attrs{"k8s.node.name": "n", "host.id": "i"}, attributes.KindHost, "n"},
		{"host.id before host.name", attrs{"host.id": "i", "host.name": "h"}, attributes.KindHost, "i"},
		{"empty host.id still decides", attrs{"host.id": "", "host.name": "h"}, attributes.KindHost, ""},
		{"localhost does not fall through", attrs{"host.id": "localhost", "host.name": "h"}, attributes.KindNone, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			kind, id := attributes.Source(mapOf(t, tc.res))
			if kind != tc.kind || id != tc.id {
				t.Errorf("got %q %q, want %q %q", kind, id, tc.kind, tc.id)
			}
			wantHost := ""
			if tc.kind == attributes.KindHost {
				wantHost = tc.id
			}
			if host := attributes.Host(mapOf(t, tc.res)); host != wantHost {
				t.Errorf("host %q, want %q", host, wantHost)
			}
		})
	}
}

func TestOriginID(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		res  attrs
		want string
	}{
		{attrs{"container.id": "c", "k8s.pod.uid": "p"}, "container_id://c"},
		{attrs{"container.id": "", "k8s.pod.uid": "p"}, "container_id://"},
		{attrs{"k8s.pod.uid": "p"}, "kubernetes_pod_uid://p"},
		{attrs{"host.name": "h"}, ""},
	} {
		if prefix, id := attributes.OriginID(mapOf(t, tc.res)); prefix+id != tc.want {
			t.Errorf("%v: got %q, want %q", tc.res, prefix+id, tc.want)
		}
	}
}
