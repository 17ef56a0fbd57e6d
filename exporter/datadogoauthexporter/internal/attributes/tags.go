package attributes

import "go.opentelemetry.io/collector/pdata/pcommon"

// EachTag yields the tags that metrics and logs carry for a resource. Tags are neither sorted, normalised nor de-duplicated: env
// can come twice. A value can be empty only for a key that is a Datadog tag name already.
//
// yield must not keep key or value past the life of res. Nothing is allocated here.
func EachTag(res pcommon.Map, yield func(key, value string)) {
	for key, v := range res.All() {
		if tag := conventionTag(key); tag != "" {
			if s := v.Str(); s != "" {
				yield(tag, s)
			}
		} else if isDatadogTag(key) {
			yield(key, v.Str())
		}
	}
	containerTags(res, false, yield)

	f := readFacts(res)
	switch f.platform.str {
	case "azure.app_service", "azure_app_service":
		if f.isAzureService() {
			yield("name", f.serviceName.str)
			yield("subscription_id", f.accountID.str)
			yield("resource_group", f.resourceGroup.str)
		}
	case "gcp_cloud_functions", "gcp_cloud_run":
		if f.isGCPInstance() {
			yield("project_id", f.accountID.str)
			yield("location", f.region.str)
			yield("service_name", f.faasName.str)
			yield("instance", f.faasInstance.str)
			if f.faasVersion.str != "" {
				yield("revision_name", f.faasVersion.str)
			}
		}
	}
	eachSystemTag(res, yield)
}

// eachSystemTag yields the one tag that names the process, by the most telling attribute there is, and the operating system.
func eachSystemTag(res pcommon.Map, yield func(key, value string)) {
	var name, path, command, commandLine, osType string
	for key, v := range res.All() {
		var to *string
		switch key {
		case "process.executable.name":
			to = &name
		case "process.executable.path":
			to = &path
		case "process.command":
			to = &command
		case "process.command_line":
			to = &commandLine
		case "os.type":
			to = &osType
		default:
			continue
		}
		if *to == "" {
			*to = v.Str()
		}
	}
	switch {
	case name != "":
		yield("process.executable.name", name)
	case path != "":
		yield("process.executable.path", path)
	case command != "":
		yield("process.command", command)
	case commandLine != "":
		yield("process.command_line", commandLine)
	}
	if osType != "" {
		yield("os.type", osType)
	}
}

// conventionTag is the tag of a semantic convention or Kubernetes label that becomes a tag of another name, else "".
func conventionTag(key string) string {
	switch key {
	case "deployment.environment", "deployment.environment.name", "tags.datadoghq.com/env":
		return "env"
	case "service.name", "tags.datadoghq.com/service":
		return "service"
	case "service.version", "tags.datadoghq.com/version":
		return "version"
	case "service.namespace", "service.instance.id":
		return key
	case "app.kubernetes.io/name":
		return "kube_app_name"
	case "app.kubernetes.io/instance":
		return "kube_app_instance"
	case "app.kubernetes.io/version":
		return "kube_app_version"
	case "app.kubernetes.io/component":
		return "kube_app_component"
	case "app.kubernetes.io/part-of":
		return "kube_app_part_of"
	case "app.kubernetes.io/managed-by":
		return "kube_app_managed_by"
	}
	return ""
}

// isDatadogTag reports whether an attribute key is a tag name of Datadog's own and is sent as it is.
func isDatadogTag(key string) bool {
	switch key {
	case "architecture", "availability-zone", "chronos_job", "chronos_job_owner", "cluster_name", "container_id",
		"container_name", "dd_remote_config_id", "dd_remote_config_rev", "display_container_name", "docker_image",
		"ecs_cluster_name", "ecs_container_name", "eks_fargate_node", "env", "git.commit.sha", "git.repository_url",
		"image_id", "image_name", "image_tag", "kube_app_component", "kube_app_instance", "kube_app_managed_by",
		"kube_app_name", "kube_app_part_of", "kube_app_version", "kube_container_name", "kube_cronjob", "kube_daemon_set",
		"kube_deployment", "kube_job", "kube_namespace", "kube_ownerref_kind", "kube_ownerref_name", "kube_priority_class",
		"kube_qos", "kube_replica_set", "kube_replication_controller", "kube_service", "kube_stateful_set", "language",
		"marathon_app", "mesos_task", "nomad_dc", "nomad_group", "nomad_job", "nomad_namespace", "nomad_task",
		"oshift_deployment", "oshift_deployment_config", "os_name", "os_version", "persistentvolumeclaim", "pod_name",
		"pod_phase", "rancher_container", "rancher_service", "rancher_stack", "region", "service", "short_image",
		"swarm_namespace", "swarm_service", "task_name", "task_family", "task_version", "task_arn", "version":
		return true
	}
	return false
}
