package attributes

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Kind is the kind of thing that telemetry comes from.
type Kind uint8

// The kinds of source. Only KindHost gives series, logs and spans a hostname; the others are named by tags.
const (
	// KindNone is a resource that names no source: a configured fallback host applies.
	KindNone Kind = iota
	// KindNoneFinal is a GCP serverless resource that is not identified well enough: there is no source, and no fallback host
	// applies either, since the collector's host is certainly not where it runs.
	KindNoneFinal
	KindHost
	KindTaskARN
	KindAzureContainerApps
	KindAzureAppService
	KindAzureFunctions
	KindGCPCloudRun
	KindGCPCloudFunctions
)

// String is the kind's text, which is also the tag key of the source. It is empty for KindNone and KindNoneFinal.
func (k Kind) String() string {
	switch k {
	case KindHost:
		return "host"
	case KindTaskARN:
		return "task_arn"
	case KindAzureContainerApps:
		return "azure_container_apps"
	case KindAzureAppService:
		return "azure_app_service"
	case KindAzureFunctions:
		return "azure_functions"
	case KindGCPCloudRun:
		return "gcp_cloud_run"
	case KindGCPCloudFunctions:
		return "gcp_cloud_functions"
	}
	return ""
}

// Source resolves where the telemetry of a resource comes from. The identifier is a hostname, an ECS task ARN, or the name or
// instance of a managed platform; it is empty for KindNone and KindNoneFinal, and never a host name that means "this machine"
// (localhost and the like: those give KindNone).
//
// A host can also be found with an empty name, when the attribute that decides is there but empty. That is KindHost with "".
func Source(res pcommon.Map) (Kind, string) {
	f := readFacts(res)
	switch f.platform.str {
	case "azure.functions", "azure_functions":
		if f.isAzureService() {
			return KindAzureFunctions, f.serviceName.str
		}
	case "gcp_cloud_functions":
		if f.isGCPInstance() {
			return KindGCPCloudFunctions, f.faasInstance.str
		}
		return KindNoneFinal, ""
	case "gcp_cloud_run":
		if f.isGCPInstance() {
			return KindGCPCloudRun, f.faasInstance.str
		}
		return KindNoneFinal, ""
	case "azure.app_service", "azure_app_service":
		if f.isAzureService() {
			return KindAzureAppService, f.serviceName.str
		}
	case "azure.container_apps", "azure_container_apps":
		return KindAzureContainerApps, f.containerAppID()
	}
	if f.launchType.str == launchTypeFargate && f.taskARN.present {
		return KindTaskARN, f.taskARN.str
	}
	if name, found := f.hostname(); found {
		return KindHost, name
	}
	return KindNone, ""
}

// Host is the hostname of a resource, empty when its source is not a host.
func Host(res pcommon.Map) string {
	if kind, id := Source(res); kind == KindHost {
		return id
	}
	return ""
}

const launchTypeFargate = "fargate"

// fact is one attribute as the rules see it: str is empty when the attribute is absent or not a string.
type fact struct {
	str     string
	present bool
}

// facts are the attributes that source resolution looks at, gathered in one pass so that asking for a source costs the same for
// each record of a resource without one.
type facts struct {
	platform, provider, region, accountID, resourceID, resourceGroup fact
	serviceName, serviceInstance, containerAppInstance               fact
	jobExecution, jobTaskIndex, faasName, faasInstance, faasVersion  fact
	launchType, taskARN                                              fact
	literalHost, datadogHost, hostID, hostName, node, cluster        fact
}

func readFacts(res pcommon.Map) facts {
	var f facts
	for key, v := range res.All() {
		var to *fact
		switch key {
		case "cloud.platform":
			to = &f.platform
		case "cloud.provider":
			to = &f.provider
		case "cloud.region":
			to = &f.region
		case "cloud.account.id":
			to = &f.accountID
		case "cloud.resource_id":
			to = &f.resourceID
		case "azure.resource_group.name":
			to = &f.resourceGroup
		case "service.name":
			to = &f.serviceName
		case "service.instance.id":
			to = &f.serviceInstance
		case "azure.container_app.instance.id":
			to = &f.containerAppInstance
		case "gcp.cloud_run.job.execution":
			to = &f.jobExecution
		case "gcp.cloud_run.job.task_index":
			to = &f.jobTaskIndex
		case "faas.name":
			to = &f.faasName
		case "faas.instance":
			to = &f.faasInstance
		case "faas.version":
			to = &f.faasVersion
		case "aws.ecs.launchtype":
			to = &f.launchType
		case "aws.ecs.task.arn":
			to = &f.taskARN
		case "host":
			if !f.literalHost.present {
				f.literalHost = fact{str: Text(v), present: true}
			}
			continue
		case "datadog.host.name":
			to = &f.datadogHost
		case "host.id":
			to = &f.hostID
		case "host.name":
			to = &f.hostName
		case "k8s.node.name":
			to = &f.node
		case "k8s.cluster.name":
			to = &f.cluster
		default:
			continue
		}
		if !to.present {
			*to = fact{str: v.Str(), present: true}
		}
	}
	return f
}

// isAzureService reports whether an Azure Functions or App Service resource says enough to be a source.
func (f *facts) isAzureService() bool {
	return f.serviceName.str != "" && f.accountID.str != "" && f.resourceGroup.str != ""
}

// isGCPInstance reports whether a Cloud Run or Cloud Functions resource is one instance of a service. A job is not.
func (f *facts) isGCPInstance() bool {
	return !f.jobExecution.present && !f.jobTaskIndex.present &&
		f.accountID.str != "" && f.region.str != "" && f.faasName.str != "" && f.faasInstance.str != ""
}

// containerAppID is the replica of an Azure container app, or else its name, or else empty: such a resource has no hostname
// however little it says about itself. The name may come from the resource id,
// /subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.App/containerApps/<name>.
func (f *facts) containerAppID() string {
	const nameInResourceID = 8
	switch {
	case f.containerAppInstance.str != "":
		return f.containerAppInstance.str
	case f.serviceInstance.str != "":
		return f.serviceInstance.str
	case f.serviceName.str != "":
		return f.serviceName.str
	}
	part := 0
	for s := range strings.SplitSeq(f.resourceID.str, "/") {
		if part == nameInResourceID {
			return s
		}
		part++
	}
	return ""
}
