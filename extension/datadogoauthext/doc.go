// Package datadogoauthext is the extension "datadogoauth": it holds the OAuth grants of a technology partner's customers and
// the Datadog API keys minted with them, and offers them to whoever sends telemetry.
//
// It offers them twice: as a credential.Source, for the exporter of the same name, and as an extensionauth.HTTPClient, for
// stock exporters such as otlp_http.
package datadogoauthext

//go:generate mdatagen metadata.yaml
