// Package datadogoauthexporter sends metrics, logs and traces into the Datadog organisations of a technology partner's customers.
//
// The path of a payload: consume finds the tenant of each resource and maps it to the bytes of the intake, one request per tenant and intake;
// exporterhelper queues, batches and retries them; push (package tenancy, then package intake) looks up the tenant's key, compresses and sends.
package datadogoauthexporter

//go:generate mdatagen metadata.yaml
