package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// refusal is an error with the status that tells a client about it.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// badRequest is the refusal of a body whose form is wrong.
func badRequest(format string, args ...any) error {
	return refuse(http.StatusBadRequest, format, args...)
}

// answerErrors writes {"errors":["text", …]}, the form of the v1 API, of the metric intakes and of every 429.
func answerErrors(w http.ResponseWriter, status int, texts ...string) {
	answerJSON(w, status, map[string][]string{"errors": texts})
}

// answerErrorObjects writes {"errors":[{"title","detail","status"}]}, the JSON:API form that logs v2 uses.
func answerErrorObjects(w http.ResponseWriter, status int, texts ...string) {
	type object struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
		Status string `json:"status"`
	}
	objects := make([]object, len(texts))
	for i, text := range texts {
		objects[i] = object{http.StatusText(status), text, strconv.Itoa(status)}
	}
	answerJSON(w, status, map[string][]object{"errors": objects})
}

// answerRefusal writes err in the given form; an error that is no refusal is the client's malformed request.
func answerRefusal(w http.ResponseWriter, write func(http.ResponseWriter, int, ...string), err error) {
	var r *refusal
	if !errors.As(err, &r) {
		r = &refusal{http.StatusBadRequest, err.Error()}
	}
	write(w, r.status, r.text)
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"errors":["the stand-in cannot encode its answer"]}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that went away is not a fault
}
