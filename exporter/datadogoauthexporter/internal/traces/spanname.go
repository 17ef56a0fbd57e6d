package traces

import "go.opentelemetry.io/collector/pdata/ptrace"

// defaultService is the service of spans that name none.
const defaultService = "otlpresourcenoservicename"

func (g *mapping) serviceName(c concepts) string {
	s := c.str(attrServiceName)
	if s == "" || s == g.res.service.raw {
		return g.res.service.value
	}
	return g.text.service(s)
}

// normalized is text as a tag value, from the resource where it is the resource's.
func (g *mapping) normalized(text string, res normalized) string {
	if text == res.raw {
		return res.value
	}
	return g.text.tagValue(text)
}

func kindName(k ptrace.SpanKind) string {
	switch k {
	case ptrace.SpanKindInternal:
		return "internal"
	case ptrace.SpanKindServer:
		return "server"
	case ptrace.SpanKindClient:
		return "client"
	case ptrace.SpanKindProducer:
		return "producer"
	case ptrace.SpanKindConsumer:
		return "consumer"
	}
	return "unspecified"
}

// operationName says what kind of work a span is, before normalisation: the second version of Datadog's rules, first match wins.
//
// https://docs.datadoghq.com/opentelemetry/mapping/semantic_mapping/ and datadog-agent pkg/trace/transform, GetOTelOperationNameV2
func (g *mapping) operationName(in ptrace.Span, c concepts) string {
	kind, a := in.Kind(), &g.text
	client, server := kind == ptrace.SpanKindClient, kind == ptrace.SpanKindServer
	tag := func(keys ...attrKey) string { return a.tagValue(c.str(keys...)) }

	if name := tag(attrOperationName); name != "" {
		return name
	}
	if c.httpMethod() != "" {
		if server {
			return "http.server.request"
		}
		if client {
			return "http.client.request"
		}
	}
	if client {
		if system := a.tagValue(c.dbSystem()); system != "" {
			return a.join(system, ".query")
		}
	}
	if client || server || kind == ptrace.SpanKindConsumer || kind == ptrace.SpanKindProducer {
		if system, operation := tag(attrMessagingSystem), tag(attrMessagingOperation); system != "" && operation != "" {
			return a.join(system, ".", operation)
		}
	}
	if client || server {
		if name := g.rpcOperation(c, client); name != "" {
			return name
		}
	}
	if client {
		if provider, function := tag(attrFaaSInvokedProvider), tag(attrFaaSInvokedName); provider != "" && function != "" {
			return a.join(provider, ".", function, ".invoke")
		}
	}
	if server {
		if trigger := tag(attrFaaSTrigger); trigger != "" {
			return a.join(trigger, ".invoke")
		}
	}
	if tag(attrGraphQLOperationType) != "" {
		return "graphql.server.request"
	}
	switch protocol := tag(attrNetworkProtocolName); {
	case server && protocol != "":
		return a.join(protocol, ".server.request")
	case server:
		return "server.request"
	case client && protocol != "":
		return a.join(protocol, ".client.request")
	case client:
		return "client.request"
	case kind == ptrace.SpanKindUnspecified:
		return "Internal"
	}
	return kind.String()
}

// rpcOperation is the name of a remote call, "" when the span is none.
func (g *mapping) rpcOperation(c concepts, client bool) string {
	a := &g.text
	system := a.tagValue(c.str(attrRPCSystem))
	switch {
	case system == "":
		return ""
	case system == "aws-api" && client:
		if service := a.tagValue(c.str(attrRPCService)); service != "" {
			return a.join("aws.", service, ".request")
		}
		return "aws.client.request"
	case client:
		return a.join(system, ".client.request")
	}
	return a.join(system, ".server.request")
}

// resourceName says on what a span works, not yet obfuscated: the second version of Datadog's rules, first match wins.
func (g *mapping) resourceName(in ptrace.Span, c concepts) string {
	return truncateUTF8(g.wholeResourceName(in, c), maxResourceBytes)
}

func (g *mapping) wholeResourceName(in ptrace.Span, c concepts) string {
	if name := c.str(attrResourceName); name != "" {
		return name
	}
	if method := c.httpMethod(); method != "" {
		if method == "_OTHER" {
			method = "HTTP"
		}
		switch in.Kind() {
		case ptrace.SpanKindClient:
			return g.qualified(method, c.str(attrURLTemplate))
		case ptrace.SpanKindServer:
			return g.qualified(method, c.str(attrHTTPRoute))
		}
		return method
	}
	if operation := c.str(attrMessagingOperation); operation != "" {
		return g.qualified(operation, c.str(attrMessagingDestination, attrMessagingDestinationName))
	}
	if method := c.str(attrRPCMethod); method != "" {
		return g.qualified(method, c.str(attrRPCService))
	}
	if operation := c.str(attrGraphQLOperationType); operation != "" {
		return g.qualified(operation, c.str(attrGraphQLOperationName))
	}
	if c.dbSystem() != "" {
		if statement := c.str(attrDBStatement, attrDBQueryText); statement != "" {
			return statement
		}
	}
	return in.Name()
}

func (g *mapping) qualified(what, which string) string {
	if which == "" {
		return what
	}
	return g.text.join(what, " ", which)
}

// spanType is Datadog's type of a span, by which it is shown and obfuscated.
func (g *mapping) spanType(kind ptrace.SpanKind, c concepts) string {
	if t := c.str(attrSpanType); t != "" {
		return t
	}
	switch kind {
	case ptrace.SpanKindServer:
		return "web"
	case ptrace.SpanKindClient:
		if system := g.text.tagValue(c.dbSystem()); system != "" {
			return databaseType(system)
		}
		return "http"
	}
	return "custom"
}

// databaseType is the span type of a database system, by its current or its former name.
func databaseType(system string) string {
	switch system {
	case "other_sql", "mssql", "microsoft.sql_server", "mysql", "oracle", "oracle.db", "db2", "ibm.db2", "postgresql",
		"redshift", "aws.redshift", "cloudscape", "hsqldb", "maxdb", "sap.maxdb", "ingres", "actian.ingres", "firstsql", "edb",
		"cache", "intersystems.cache", "firebird", "firebirdsql", "derby", "informix", "ibm.informix", "mariadb", "sqlite",
		"sybase", "teradata", "vertica", "h2", "h2database", "coldfusion", "cockroachdb", "progress", "hanadb", "sap.hana",
		"adabas", "softwareag.adabas", "filemaker", "instantdb", "interbase", "netezza", "ibm.netezza", "pervasive", "pointbase",
		"clickhouse":
		return "sql"
	case "cassandra", "redis", "memcached", "mongodb", "elasticsearch", "opensearch":
		return system
	}
	return "db"
}
