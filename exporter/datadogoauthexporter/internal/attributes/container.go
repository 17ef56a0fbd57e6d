package attributes

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// ContainerTags yields the tags of the container that a resource runs in, as a trace carries them in `_dd.tags.container`: one
// value per key, in no promised order, none empty. Where several attributes name the same tag the semantic convention
// (`container.id`) wins over the prefix `datadog.container.tag.`, and that over an attribute that has the tag's own name.
//
// The attributes of the last two sources travel in these tags only; ConsumedByContainerTags tells which ones they are.
func ContainerTags(res pcommon.Map, yield func(key, value string)) {
	containerTags(res, true, yield)
}

// ConsumedByContainerTags reports whether ContainerTags takes this resource attribute over, so that spans do not repeat it. It does
// so whether or not another attribute outranked its value. Conventions such as `container.id` are not consumed.
func ConsumedByContainerTags(key string, v pcommon.Value) bool {
	if v.Str() == "" {
		return false
	}
	if strings.HasPrefix(key, customTagPrefix) {
		return true
	}
	_, ok := containerTagNamed(key)
	return ok
}

const customTagPrefix = "datadog.container.tag."

// containerTag numbers the tags that come from semantic conventions.
type containerTag uint8

var containerTagNames = [...]string{
	"container_id", "container_name", "image_name", "image_tag", "runtime", "cloud_provider", "region", "zone",
	"task_family", "task_arn", "ecs_cluster_name", "ecs_container_name", "task_version",
	"kube_container_name", "kube_cluster_name", "kube_deployment", "kube_replica_set", "kube_stateful_set", "kube_daemon_set",
	"kube_job", "kube_cronjob", "kube_namespace", "pod_name", "kube_node",
}

// containerTags yields the container tags of a resource. Traces also take attributes that are called like the tag, and a bare
// prefix as a tag with an empty key; metrics and logs do not.
func containerTags(res pcommon.Map, forTraces bool, yield func(key, value string)) {
	type ranked struct {
		value string
		rank  uint8
	}
	const rankOwnName, rankCustom, rankConvention = 1, 2, 3
	var found [len(containerTagNames)]ranked
	offer := func(tag containerTag, value string, rank uint8) {
		// Of container.image.tag and container.image.tags the first one counts on traces, the last one elsewhere.
		later := rank == rankConvention && !forTraces
		if have := &found[tag]; value != "" && (rank > have.rank || rank == have.rank && later) {
			*have = ranked{value, rank}
		}
	}
	for key, v := range res.All() {
		if tag, ok := containerConvention(key); ok {
			offer(tag, firstString(key, v), rankConvention)
			continue
		}
		if custom, ok := strings.CutPrefix(key, customTagPrefix); ok {
			if tag, known := containerTagNamed(custom); known {
				offer(tag, v.Str(), rankCustom)
			} else if s := v.Str(); s != "" && (custom != "" || forTraces) {
				yield(custom, s)
			}
			continue
		}
		if forTraces {
			if tag, ok := containerTagNamed(key); ok {
				offer(tag, v.Str(), rankOwnName)
			}
		}
	}
	for i := range found {
		if found[i].rank != 0 {
			yield(containerTagNames[i], found[i].value)
		}
	}
}

// firstString is the string in v. Of `container.image.tags`, an array, it is the first element.
func firstString(key string, v pcommon.Value) string {
	if key == "container.image.tags" && v.Type() == pcommon.ValueTypeSlice {
		if v.Slice().Len() == 0 {
			return ""
		}
		return v.Slice().At(0).Str()
	}
	return v.Str()
}

// containerConvention is the container tag that a semantic convention names.
func containerConvention(key string) (containerTag, bool) {
	switch key {
	case "container.id":
		return 0, true
	case "container.name":
		return 1, true
	case "container.image.name":
		return 2, true
	case "container.image.tag", "container.image.tags":
		return 3, true
	case "container.runtime":
		return 4, true
	case "cloud.provider":
		return 5, true
	case "cloud.region":
		return 6, true
	case "cloud.availability_zone":
		return 7, true
	case "aws.ecs.task.family":
		return 8, true
	case "aws.ecs.task.arn":
		return 9, true
	case "aws.ecs.cluster.arn":
		return 10, true
	case "aws.ecs.container.arn":
		return 11, true
	case "aws.ecs.task.revision":
		return 12, true
	case "k8s.container.name":
		return 13, true
	case "k8s.cluster.name":
		return 14, true
	case "k8s.deployment.name":
		return 15, true
	case "k8s.replicaset.name":
		return 16, true
	case "k8s.statefulset.name":
		return 17, true
	case "k8s.daemonset.name":
		return 18, true
	case "k8s.job.name":
		return 19, true
	case "k8s.cronjob.name":
		return 20, true
	case "k8s.namespace.name":
		return 21, true
	case "k8s.pod.name":
		return 22, true
	case "k8s.node.name":
		return 23, true
	}
	return 0, false
}

func containerTagNamed(name string) (containerTag, bool) {
	for i := range containerTagNames {
		if containerTagNames[i] == name {
			return containerTag(i), true
		}
	}
	return 0, false
}
