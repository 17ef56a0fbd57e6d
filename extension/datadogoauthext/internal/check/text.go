package check

import (
	"github.com/datadogoauth/otelcol-datadogoauth/internal/peertext"
)

// maxText bounds each text of a line, in bytes. A report has some sixty lines, so it stays far below what the store keeps of one.
const maxText = 700

// oneLine bounds a text and puts it on one line. What nobody sees, such as marks that change the direction of writing, is no part of it.
func oneLine(text string) string { return peertext.Name(text, maxText) }

// maxScopes is more than Datadog has scopes.
const maxScopes = 150

// bounded are scopes fit for a report.
func bounded(scopes []string) []string {
	var all []string
	for _, s := range scopes[:min(len(scopes), maxScopes)] {
		all = append(all, peertext.Name(s, 64))
	}
	return all
}
