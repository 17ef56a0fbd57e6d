// Package otlpwire appends OTLP protobuf to payloads for the OTLP intake, whatever the signal.
//
// An item of such a payload is one complete element of the repeated field of an Export…ServiceRequest: tag, length, resource, scopes and what
// they hold. So payloads merge by concatenation, and a large resource is written as several elements that repeat resource and scope, since a
// payload can be cut between items only. What is in one element is of about one time, since it can be too old, or too far ahead, only as a whole.
//
// Text that is not UTF-8 is repaired, since a strict decoder refuses the whole body for it.
//
// Field numbers: https://github.com/open-telemetry/opentelemetry-proto, v1.
package otlpwire
