package hostmetadata

// field is one thing that is known of a host.
type field uint8

const (
	fieldInstanceID field = iota
	fieldEC2Hostname
	fieldCCRID
	fieldCPUVendor
	fieldCPUModelName
	fieldCPUCacheSize
	fieldCPUFamily
	fieldCPUModel
	fieldCPUStepping
	fieldCPUCores
	fieldCPULogical
	fieldCPUMHz
	fieldIPv4
	fieldIPv6
	fieldMAC
	fieldOS
	fieldOSType
	fieldArch
	fieldKernelName
	fieldKernelRelease
	fieldKernelVersion
	numFields
	noField
)

// member is a place of a field in an object.
type member struct {
	name string // with its quotes and colon
	of   field
}

// The members of meta and of the parts of gohai. They do not change.
var (
	metaMembers = []member{{`"instance-id":`, fieldInstanceID}, {`"ec2-hostname":`, fieldEC2Hostname}, {`"ccrid":`, fieldCCRID}}
	cpuMembers  = []member{
		{`"cache_size":`, fieldCPUCacheSize}, {`"cpu_cores":`, fieldCPUCores}, {`"cpu_logical_processors":`, fieldCPULogical},
		{`"family":`, fieldCPUFamily}, {`"mhz":`, fieldCPUMHz}, {`"model":`, fieldCPUModel}, {`"model_name":`, fieldCPUModelName},
		{`"stepping":`, fieldCPUStepping}, {`"vendor_id":`, fieldCPUVendor},
	}
	networkMembers  = []member{{`"ipaddress":`, fieldIPv4}, {`"ipaddressv6":`, fieldIPv6}, {`"macaddress":`, fieldMAC}}
	platformMembers = []member{
		{`"GOOARCH":`, fieldArch}, {`"GOOS":`, fieldOSType}, {`"hardware_platform":`, fieldArch}, {`"kernel_name":`, fieldKernelName},
		{`"kernel_release":`, fieldKernelRelease}, {`"kernel_version":`, fieldKernelVersion}, {`"machine":`, fieldArch}, {`"os":`, fieldOS},
		{`"processor":`, fieldArch},
	}
)

// textField is the field that an attribute of text or of an integer is.
func textField(key string) field {
	switch key {
	case "datadog.ccrid":
		return fieldCCRID
	case "host.cpu.vendor.id":
		return fieldCPUVendor
	case "host.cpu.model.name":
		return fieldCPUModelName
	case "host.cpu.cache.l2.size":
		return fieldCPUCacheSize
	case "host.cpu.family":
		return fieldCPUFamily
	case "host.cpu.model.id":
		return fieldCPUModel
	case "host.cpu.stepping":
		return fieldCPUStepping
	case "os.description":
		return fieldOS
	case "os.type":
		return fieldOSType
	case "host.arch":
		return fieldArch
	case "os.kernel.name":
		return fieldKernelName
	case "os.kernel.release":
		return fieldKernelRelease
	case "os.kernel.version":
		return fieldKernelVersion
	}
	return noField
}

// isOther tells the attributes that are neither a field by themselves nor a tag alone.
func isOther(key string) bool {
	switch key {
	case "host.id", "host.name", "host.mac", "host.ip", "datadog.host.aliases":
		return true
	}
	return false
}

// metricField is the field that a metric's last value is, and what to multiply it by.
func metricField(name string) (f field, factor float64) {
	switch name {
	case "system.cpu.physical.count":
		return fieldCPUCores, 1
	case "system.cpu.logical.count":
		return fieldCPULogical, 1
	case "system.cpu.frequency": // in hertz
		return fieldCPUMHz, 1e-6
	}
	return noField, 0
}

// ownTag begins the key of an attribute that is a tag of the user's choice.
const ownTag = "datadog.host.tag."

// tagKey is the key of the host tag that an attribute is.
func tagKey(key string) (tag string, ok bool) {
	switch key {
	case "deployment.environment", "deployment.environment.name":
		return "env", true
	case "k8s.cluster.name":
		return "cluster_name", true
	case "cloud.provider":
		return "cloud_provider", true
	case "cloud.region":
		return "region", true
	case "cloud.availability_zone":
		return "zone", true
	}
	if len(key) >= len(ownTag) && key[:len(ownTag)] == ownTag {
		return key[len(ownTag):], true
	}
	return "", false
}
