// Package check is the six steps by which Datadog has a partner test an integration's client, as a program: what is looked at, what of it
// is a pass, and what to do about the rest. It knows neither listeners nor the store.
//
// https://docs.datadoghq.com/developers/integrations/api_integration/
package check
