package credential

// Setting is one key of a sender's configuration.
type Setting struct {
	Value string
	// Secret says that the value, or a part of it, may be shown to nobody: a fingerprint takes its place.
	Secret bool
}

// Settings is what a Source can offer besides: a record of how senders are configured, and of what was changed in that from one start to the next.
type Settings interface {
	// NoteSettings hands over the settings of a sender, by their paths below it, such as "tenant::when_unknown". name is that of the sender, such as
	// "exporters::datadogoauth/eu"; who hands over again under a name replaces what was there. It is called in Start, so that all are known when the
	// pipelines run.
	NoteSettings(name string, settings map[string]Setting)
}
