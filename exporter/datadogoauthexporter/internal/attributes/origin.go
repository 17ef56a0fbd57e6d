package attributes

import "go.opentelemetry.io/collector/pdata/pcommon"

// OriginID names the container or pod that a resource runs in, in two parts to be read one after the other, for instance
// "container_id://" and "9f3c…". Both are empty when the resource names neither. It distinguishes the cumulative series of two
// containers that are alike in everything else, and is not sent.
func OriginID(res pcommon.Map) (prefix, id string) {
	if v, ok := res.Get("container.id"); ok {
		return "container_id://", Text(v)
	}
	if v, ok := res.Get("k8s.pod.uid"); ok {
		return "kubernetes_pod_uid://", Text(v)
	}
	return "", ""
}
