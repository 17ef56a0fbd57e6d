package flow

import (
	"bytes"
	"fmt"
	"html/template"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/lang"
)

// message is what a page about one end says. Its texts are templates over page, so that a name stands where the language wants it; they may
// hold others, such as {{template "ask" .}}.
type message struct {
	id    string
	title string
	what  string
	steps []string // what the customer can do, in order; may be empty
}

// catalogue is all that the pages say in one language. Every language has the same ids, steps, names and links, which a test compares.
type catalogue struct {
	messages []message
	texts    [][2]string // of forms and of all pages: id and text
}

func catalogues() map[lang.Lang]catalogue {
	return map[lang.Lang]catalogue{lang.English: english, lang.Korean: korean}
}

// words are a catalogue that is ready to be written.
type words struct {
	set   *template.Template
	steps map[string]int // how many each message has
}

func newWords(c catalogue) (*words, error) {
	w := &words{set: template.New(""), steps: make(map[string]int, len(c.messages))}
	add := func(id, text string) error {
		_, err := w.set.New(id).Parse(text)
		return err
	}
	for _, t := range c.texts {
		if err := add(t[0], t[1]); err != nil {
			return nil, err
		}
	}
	for _, m := range c.messages {
		w.steps[m.id] = len(m.steps)
		if err := add(m.id+".title", m.title); err != nil {
			return nil, err
		}
		if err := add(m.id+".what", m.what); err != nil {
			return nil, err
		}
		for i, step := range m.steps {
			if err := add(stepID(m.id, i), step); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

func stepID(message string, i int) string { return fmt.Sprintf("%s.%d", message, i) }

// say writes one text. What a page fills in is escaped by html/template, so the result is HTML.
func (w *words) say(id string, p page) (template.HTML, error) {
	var b bytes.Buffer
	err := w.set.ExecuteTemplate(&b, id, p)
	return template.HTML(b.String()), err //nolint:gosec // html/template wrote it
}
