package intake

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// eventsDoor is POST api.<site>/api/v1/events. Datadog states no size; the limits are the stand-in's own bound.
var eventsDoor = door{
	kind:     KindEvents,
	media:    []string{"application/json", "text/json"},
	maxSent:  1_000_000,
	maxPlain: 1_000_000,
	refuse:   answerErrors,
	store:    storeEvent,
}

const (
	maxEventText      = 4000 // characters
	maxAggregationKey = 100  // characters
	eventPast         = 18 * time.Hour
	eventFuture       = 2 * time.Hour
)

var (
	alertTypes = []string{"", "error", "warning", "info", "success", "user_update", "recommendation", "snapshot"}
	priorities = []string{"", "normal", "low"}
)

// Event is one event of the v1 API, with the id it was given.
type Event struct {
	ID             int64     `json:"id"`
	IDText         string    `json:"id_str"` // JSON numbers are too short for ID
	URL            string    `json:"url"`
	Title          string    `json:"title"`
	Text           string    `json:"text"`
	DateHappened   int64     `json:"date_happened"` // Unix seconds
	AlertType      string    `json:"alert_type,omitempty"`
	Priority       string    `json:"priority,omitempty"`
	AggregationKey string    `json:"aggregation_key,omitempty"`
	Host           string    `json:"host,omitempty"`
	DeviceName     string    `json:"device_name,omitempty"`
	SourceTypeName string    `json:"source_type_name,omitempty"`
	RelatedEventID int64     `json:"related_event_id,omitempty"`
	Tags           []string  `json:"tags"`
	Arrived        time.Time `json:"-"`
}

type jsonEvent struct {
	Title          *string  `json:"title"`
	Text           *string  `json:"text"`
	DateHappened   *int64   `json:"date_happened"`
	AlertType      string   `json:"alert_type"`
	Priority       string   `json:"priority"`
	AggregationKey string   `json:"aggregation_key"`
	Host           string   `json:"host"`
	DeviceName     string   `json:"device_name"`
	SourceTypeName string   `json:"source_type_name"`
	RelatedEventID int64    `json:"related_event_id"`
	Tags           []string `json:"tags"`
}

func storeEvent(c *call) (any, error) {
	var s jsonEvent
	if err := decodeStrict(c.body, &s); err != nil {
		return nil, err
	}
	happened := c.now
	if s.DateHappened != nil {
		happened = time.Unix(*s.DateHappened, 0)
	}
	switch {
	case s.Title == nil || s.Text == nil:
		return nil, badRequest("title and text are required")
	case utf8.RuneCountInString(*s.Text) > maxEventText:
		return nil, badRequest("text is longer than %d characters", maxEventText)
	case utf8.RuneCountInString(s.AggregationKey) > maxAggregationKey:
		return nil, badRequest("aggregation_key is longer than %d characters", maxAggregationKey)
	case !slices.Contains(alertTypes, s.AlertType):
		return nil, badRequest("alert_type %.100q is none of %s", s.AlertType, alertTypes[1:])
	case !slices.Contains(priorities, s.Priority):
		return nil, badRequest("priority %.100q is none of %s", s.Priority, priorities[1:])
	case happened.Before(c.now.Add(-eventPast)) || happened.After(c.now.Add(eventFuture)):
		return nil, badRequest("date_happened %d is more than 18 h ago or more than 2 h ahead", happened.Unix())
	}
	id := c.in.lastEventID.Add(1)
	e := Event{
		ID: id, IDText: strconv.FormatInt(id, 10), URL: fmt.Sprintf("https://%s/event/event?id=%d", appHost(c.target.Site), id),
		Title: *s.Title, Text: *s.Text, DateHappened: happened.Unix(), AlertType: s.AlertType, Priority: s.Priority,
		AggregationKey: s.AggregationKey, Host: s.Host, DeviceName: s.DeviceName, SourceTypeName: s.SourceTypeName,
		RelatedEventID: s.RelatedEventID, Tags: append([]string{}, s.Tags...), Arrived: c.now,
	}
	c.org.write(KindEvents, 1, func() {
		keep(c.org, KindEvents, &c.org.events, c.org.caps.Others, e)
		c.org.counts.Events++
		c.org.accepted.Events++
	})
	return map[string]any{"status": "ok", "event": e}, nil
}

// appHost is the web application of a site: app.<site> where the site parameter has two labels, else the parameter itself.
func appHost(site string) string {
	if strings.Count(site, ".") == 1 {
		return "app." + site
	}
	return site
}

// eventByID answers GET /api/v1/events/{id}; 404 until the event is searchable.
func (in *Intake) eventByID(w http.ResponseWriter, r *http.Request, o *org) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return badRequest("event id %.100q is not an integer", r.PathValue("id"))
	}
	since := in.visibleSince()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.events.all() {
		if e.ID == id && !e.Arrived.After(since) {
			answerJSON(w, http.StatusOK, map[string]Event{"event": e})
			return nil
		}
	}
	return refuse(http.StatusNotFound, "No event matches that event_id.")
}
