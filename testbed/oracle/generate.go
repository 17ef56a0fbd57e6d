package oracle

import (
	"fmt"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"pgregory.net/rapid"
)

// pick draws one of a few values.
func pick[V any](t *rapid.T, values ...V) V {
	return values[rapid.IntRange(0, len(values)-1).Draw(t, "pick")]
}

// upTo draws a number from 0 to n.
func upTo(t *rapid.T, n int) int { return rapid.IntRange(0, n).Draw(t, "n") }

// chance is true in about one of n draws.
func chance(t *rapid.T, n int) bool { return upTo(t, n-1) == n-1 }

// anyNumber draws a double, seldom one that Datadog does not take.
func anyNumber(t *rapid.T) float64 {
	switch upTo(t, 9) {
	case 0:
		return pick(t, 0, math.Copysign(0, -1), math.SmallestNonzeroFloat64, 1e-10, 1e300, -1e300)
	case 1:
		return pick(t, math.NaN(), math.Inf(1), math.Inf(-1))
	case 2, 3, 4:
		return float64(rapid.IntRange(-1000, 1000).Draw(t, "whole")) / 4
	default:
		return finiteNumber(t)
	}
}

// finiteNumber draws a double of moderate size.
func finiteNumber(t *rapid.T) float64 { return rapid.Float64Range(-1e9, 1e9).Draw(t, "finite") }

// texts are values of attributes that are handled with care somewhere.
var texts = []string{
	"", "a", "prod", "Prod X", "1", "true", "a,b", "k:v", "ünïcode ☃", "日本", " lead", "trail ", "x<y>&\"z\"\\", "line\nbreak\ttab", "0", "-1.5", "\u2028", "\x01",
	"UPPER", "under_score", "http://u:p@h/a/1?q=2#f",
}

func anyText(t *rapid.T) string {
	if chance(t, 4) {
		return rapid.StringN(0, 12, 30).Draw(t, "text")
	}
	return pick(t, texts...)
}

// anyValue fills v, with maps and arrays to a small depth.
func anyValue(t *rapid.T, v pcommon.Value, depth int) {
	kinds := 9
	if depth == 0 {
		kinds = 7
	}
	switch upTo(t, kinds) {
	case 0, 1, 2:
		v.SetStr(anyText(t))
	case 3:
		v.SetInt(rapid.Int64().Draw(t, "int"))
	case 4:
		v.SetInt(int64(rapid.IntRange(-5, 600).Draw(t, "small int")))
	case 5:
		v.SetDouble(pick(t, 0, 1, 1.5, -2.25, 1e21, 1e-7, 123456789.125, 1e6))
	case 6:
		v.SetBool(chance(t, 2))
	case 7:
		if chance(t, 3) {
			return // empty
		}
		v.SetEmptyBytes().FromRaw(rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "bytes"))
	case 8:
		m := v.SetEmptyMap()
		for range upTo(t, 3) {
			anyValue(t, m.PutEmpty(pick(t, "a", "b", "c.d", "E", "")), depth-1)
		}
	case 9:
		s := v.SetEmptySlice()
		for range upTo(t, 3) {
			anyValue(t, s.AppendEmpty(), depth-1)
		}
	}
}

// anyAttributes puts up to n attributes, with keys from known or made up.
func anyAttributes(t *rapid.T, m pcommon.Map, n int, known ...string) {
	for range upTo(t, n) {
		key := pick(t, "plain", "with.dots", "Mixed-Case", "k8s", "ключ", "a b", "x/y", "device", "host", "env")
		if len(known) > 0 && !chance(t, 3) {
			key = pick(t, known...)
		}
		anyValue(t, m.PutEmpty(key), 2)
	}
}

// resourceKeys are resource attributes that decide about hosts and tags (spec/attributes.md).
var resourceKeys = []string{
	"service.name", "service.version", "service.namespace", "service.instance.id", "deployment.environment", "deployment.environment.name",
	"host", "host.id", "host.name", "datadog.host.name", "k8s.node.name", "k8s.cluster.name", "k8s.pod.name", "k8s.pod.uid", "k8s.namespace.name", "k8s.deployment.name",
	"k8s.container.name", "container.id", "container.name", "container.image.name", "container.image.tag", "container.image.tags", "container.runtime",
	"cloud.provider", "cloud.account.id", "cloud.region", "cloud.availability_zone", "cloud.platform", "cloud.resource_id",
	"aws.ecs.launchtype", "aws.ecs.task.arn", "aws.ecs.task.family", "aws.ecs.cluster.arn", "azure.resourcegroup.name", "azure.resource_group.name",
	"process.pid", "process.executable.name", "process.executable.path", "process.command", "process.command_line", "os.type",
	"app.kubernetes.io/name", "tags.datadoghq.com/env", "tags.datadoghq.com/service", "env", "version", "service", "hostname", "region", "kube_namespace", "pod_name", "container_id",
	"image_tag", "datadog.container.tag.team", "datadog.container.tag.pod_name", "datadog.container.tag.", "telemetry.sdk.language", "telemetry.sdk.version", "faas.name",
	"faas.instance", "faas.version", "otel.library.name", "otel.scope.name", "ddtags", "ddsource", "message", "status", "dd.internal.resource", "server.address", "http.route",
}

// profiles are sets of resource attributes that decide together.
var profiles = []map[string]any{
	{},
	{"host.name": "web-1", "service.name": "checkout", "deployment.environment": "prod", "service.version": "1.2.3"},
	{"host.name": "localhost"}, {"host": "literal"}, {"host.id": "i-1", "host.name": "n"}, {"datadog.host.name": "dd-host", "host.name": "other"},
	{"cloud.provider": "aws", "host.id": "i-0123", "cloud.region": "eu-west-1", "cloud.availability_zone": "eu-west-1a"},
	{"cloud.provider": "aws", "host.name": "only-a-name"},
	{"cloud.provider": "aws", "aws.ecs.launchtype": "fargate", "aws.ecs.task.arn": "arn:aws:ecs:x:1:task/c/0", "aws.ecs.task.family": "f", "aws.ecs.task.revision": "3"},
	{"cloud.provider": "gcp", "host.name": "vm.c.project.internal", "cloud.account.id": "project"}, {"cloud.provider": "gcp", "host.name": "vm"},
	{"cloud.provider": "azure", "host.id": "vm-id", "host.name": "vm-name"}, {"cloud.provider": "azure", "host.name": "vm-name"},
	{"k8s.node.name": "node", "k8s.cluster.name": "cluster", "k8s.pod.name": "p", "k8s.namespace.name": "ns", "container.id": "cid"}, {"k8s.node.name": "node"},
	{"cloud.platform": "gcp_cloud_run", "cloud.account.id": "p", "cloud.region": "r", "faas.name": "s", "faas.instance": "inst", "faas.version": "rev"},
	{"cloud.platform": "gcp_cloud_run", "host.name": "h"},
	{"cloud.platform": "azure.functions", "service.name": "fn", "cloud.account.id": "sub", "azure.resource_group.name": "rg"},
	{"cloud.platform": "azure_app_service", "service.name": "app", "cloud.account.id": "sub", "azure.resource_group.name": "rg", "host.name": "h"},
	{"cloud.platform": "azure.container_apps", "service.name": "app", "cloud.account.id": "sub", "azure.resource_group.name": "rg", "service.instance.id": "replica"},
	{"container.image.tags": []any{"v1", "v2"}, "container.id": "c", "container.name": "n", "container.image.name": "img"},
	{"env": "", "version": "v", "kube_namespace": "ns", "datadog.container.tag.team": "a", "datadog.container.tag.kube_namespace": "b"},
	{"process.executable.name": "", "process.executable.path": "/x", "process.command": "c", "os.type": "linux", "process.pid": 7},
}

func anyResource(t *rapid.T, m pcommon.Map) {
	if err := m.FromRaw(pick(t, profiles...)); err != nil {
		panic(err) // only the table above decides
	}
	if !chance(t, 3) {
		anyAttributes(t, m, 4, resourceKeys...)
	}
}

const contribReceivers = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/"

func anyScope(t *rapid.T, s pcommon.InstrumentationScope) {
	s.SetName(pick(t, "", "lib", "io.opentelemetry.jdbc", contribReceivers+"redisreceiver", contribReceivers+"hostmetricsreceiver/disk", contribReceivers+"unknown"))
	s.SetVersion(pick(t, "", "1.0.0"))
	if chance(t, 3) {
		anyAttributes(t, s.Attributes(), 3, "otel.scope.name", "message", "status", "ddtags", "hostname", "service")
	}
}

// place says in which resource and scope of a load a case is.
type place struct{ resource, scope int }

func anyPlace(t *rapid.T) place { return place{upTo(t, 3), upTo(t, 1)} }

// caseID is the id of the i-th case of a load.
func caseID(i int) string { return fmt.Sprintf("c%d", i) }
