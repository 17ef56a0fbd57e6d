package attributes_test

import (
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

func tagsOf(each func(pcommon.Map, func(string, string)), m pcommon.Map) string {
	var tags []string
	each(m, func(key, value string) { tags = append(tags, key+":"+value) })
	slices.Sort(tags)
	return strings.Join(tags, ",")
}

func TestEachTag(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		res  attrs
		want string
	}{
		{"nothing", attrs{"http.method": "GET"}, ""},
		{"unified service tags", attrs{"service.name": "web", "service.version": "1", "deployment.environment.name": "prod", "service.instance.id": "", "service.namespace": "shop"},
			"env:prod,service.namespace:shop,service:web,version:1"},
		{"both spellings of the environment stay", attrs{"deployment.environment": "a", "deployment.environment.name": "b"}, "env:a,env:b"},
		{"values that are no strings are left out", attrs{"service.name": 1, "container.id": 2}, ""},
		{"Kubernetes labels", attrs{"app.kubernetes.io/part-of": "shop", "tags.datadoghq.com/env": "e"}, "env:e,kube_app_part_of:shop"},
		{"Datadog's own names, also empty ones", attrs{"kube_qos": "", "language": "go"}, "kube_qos:,language:go"},
		{"container", attrs{"container.id": "c", "k8s.pod.name": "p", "cloud.region": "r", "container.image.tags": []any{"v1", "v2"}}, "container_id:c,image_tag:v1,pod_name:p,region:r"},
		{"no image tags", attrs{"container.image.tags": []any{}}, ""},
		{"custom container tags", attrs{"datadog.container.tag.team": "t", "datadog.container.tag.": "x", "datadog.container.tag.a": 1}, "team:t"},
		{"a convention beats a custom tag", attrs{"datadog.container.tag.pod_name": "custom", "k8s.pod.name": "p"}, "pod_name:p"},
		{"own names are tags once more", attrs{"pod_name": "own", "k8s.pod.name": "p"}, "pod_name:own,pod_name:p"},
		{"app service", with(azureFunction, attrs{"cloud.platform": "azure_app_service"}), "name:resize,resource_group:rg,service:resize,subscription_id:sub"},
		{"Azure function", azureFunction, "service:resize"},
		{"Cloud Run", with(cloudRun, attrs{"faas.version": "v7"}),
			"instance:0087,location:europe-west1,project_id:project,region:europe-west1,revision_name:v7,service_name:api"},
		{"the most telling process attribute", attrs{"process.executable.name": "", "process.command": "run", "process.command_line": "run -x", "process.pid": 1, "os.type": "linux"},
			"os.type:linux,process.command:run"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tagsOf(attributes.EachTag, mapOf(t, tc.res)); got != tc.want {
				t.Errorf("\n got %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestEachTagKeepsTheOrderOfTheRules(t *testing.T) {
	t.Parallel()
	m := pcommon.NewMap()
	for _, key := range []string{"os.type", "container.id", "env", "service.name"} {
		m.PutStr(key, "v")
	}
	var keys []string
	attributes.EachTag(m, func(key, _ string) { keys = append(keys, key) })
	if want := []string{"env", "service", "container_id", "os.type"}; !slices.Equal(keys, want) {
		t.Errorf("got %v, want %v", keys, want)
	}
}

func TestContainerTags(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		res      attrs
		want     string
		consumed string
	}{
		{"a convention stays on the spans", attrs{"container.id": "c"}, "container_id:c", ""},
		{"custom and own names are consumed", attrs{"datadog.container.tag.team": "t", "kube_namespace": "ns", "kube_qos": "q"}, "kube_namespace:ns,team:t", "datadog.container.tag.team,kube_namespace"},
		{"the convention wins", attrs{"container.id": "1", "datadog.container.tag.container_id": "2", "container_id": "3"}, "container_id:1", "container_id,datadog.container.tag.container_id"},
		{"custom beats own name", attrs{"datadog.container.tag.container_id": "2", "container_id": "3"}, "container_id:2", "container_id,datadog.container.tag.container_id"},
		{"an empty value gives way and is not consumed", attrs{"container.id": "", "container_id": "3", "pod_name": ""}, "container_id:3", "container_id"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := mapOf(t, tc.res)
			if got := tagsOf(attributes.ContainerTags, m); got != tc.want {
				t.Errorf("tags\n got %s\nwant %s", got, tc.want)
			}
			var consumed []string
			for key, v := range m.All() {
				if attributes.ConsumedByContainerTags(key, v) {
					consumed = append(consumed, key)
				}
			}
			slices.Sort(consumed)
			if got := strings.Join(consumed, ","); got != tc.consumed {
				t.Errorf("consumed\n got %s\nwant %s", got, tc.consumed)
			}
		})
	}
}

func TestContainerTagsTakeTheFirstImageTagAndOtherTagsTheLast(t *testing.T) {
	t.Parallel()
	m := pcommon.NewMap()
	m.PutStr("container.image.tag", "first")
	m.PutEmptySlice("container.image.tags").AppendEmpty().SetStr("last")
	if got := tagsOf(attributes.ContainerTags, m); got != "image_tag:first" {
		t.Errorf("traces: got %s", got)
	}
	if got := tagsOf(attributes.EachTag, m); got != "image_tag:last" {
		t.Errorf("metrics and logs: got %s", got)
	}
}

func TestReadingAResourceDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	m := benchResource(t)
	n := 0
	count := func(key, value string) { n += len(key) + len(value) }
	if allocs := testing.AllocsPerRun(100, func() {
		attributes.Source(m)
		attributes.EachTag(m, count)
		attributes.ContainerTags(m, count)
		attributes.OriginID(m)
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func benchResource(t testing.TB) pcommon.Map {
	return mapOf(t, attrs{
		"service.name": "checkout", "service.version": "1.2.3", "deployment.environment.name": "prod", "host.name": "web-1",
		"k8s.pod.name": "checkout-5d", "k8s.namespace.name": "shop", "container.id": "9f3c", "os.type": "linux",
	})
}

func BenchmarkEachTag(b *testing.B) {
	m := benchResource(b)
	n := 0
	count := func(key, value string) { n += len(key) + len(value) }
	b.ReportAllocs()
	for b.Loop() {
		attributes.EachTag(m, count)
	}
}

func BenchmarkSource(b *testing.B) {
	m := benchResource(b)
	b.ReportAllocs()
	for b.Loop() {
		attributes.Source(m)
	}
}
