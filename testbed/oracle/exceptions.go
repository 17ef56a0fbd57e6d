package oracle

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// exception names something that we do otherwise than Datadog's exporter on purpose. The expected side is changed by exactly that.
type exception struct {
	name, reason string
}

var (
	oneLogLayer = exception{
		"one log layer",
		"a record is one JSON object, as the public log API takes it, where Datadog's exporter puts the JSON text of an inner item into an outer one; the outer " +
			"timestamp, which is the time of sending, is left out",
	}
	emptyFieldsAreAbsent = exception{
		"empty fields are absent",
		"an attribute hostname, service, ddsource or status without a value does not replace the field of the outer item",
	}
	logSourceWins = exception{
		"datadog.log.source wins over ddsource",
		"with both attributes the two layers say two sources; the outer one, which picks the pipeline, is sent",
	}
	tagsOfAttributesAdd = exception{
		"an attribute ddtags adds tags",
		"an attribute ddtags of a resource or scope, or one that flattens to that key, would replace the tags inside and leave those outside; one layer has one list of tags",
	}
	reservedFieldsAreText = exception{
		"reserved log fields are text",
		"the log API takes ddsource, ddtags, hostname, message and service as strings only",
	}
	emptyKeysInArrays = exception{
		"empty keys inside arrays are kept",
		"Datadog's flattening of a map inside an array keeps only what is under the empty key, if there is one, and loses its neighbours",
	}
	noFallbackHost = exception{
		"no fallback host",
		"without the setting hostname the partner's machine is nobody's host; Datadog's exporter adds its own host to whatever names none",
	}
	noHeartbeats = exception{
		"no heartbeats",
		"no otel.datadog_exporter.*.running metrics: they would make hosts of the partner's machines in the customer's organisation",
	}
	statsOfOthersAreDropped = exception{
		"APM stats of others are dropped",
		"a sum dd.internal.stats.payload holds what a Datadog connector computed, which Datadog's exporter sends on; here stats are computed of the spans that come, and " +
			"none that name any host and service as their sender likes are taken: counted as foreign_stats",
	}
	firstValuesSinceTheExporter = exception{
		"first values count from the exporter's start",
		"Datadog's translator sends the first value of a series that began after the process; ours asks that it began after the exporter, which is made anew when the " +
			"collector reads its configuration again: what was sent before would be sent twice",
	}
	malformedHistogramCostsItselfOnly = exception{
		"a malformed histogram costs itself only",
		"Datadog's translator gives up on the rest of the request",
	}
	sketchesAreFinite = exception{
		"a sketch holds finite numbers only",
		"buckets that grow while the count does not make an average that is no number, and the intake would refuse a whole body for it: the point is dropped and counted",
	}
	extremaAreFinite = exception{
		"a minimum or maximum that is no number is left out",
		"Datadog's translator sends .min and .max as they are, and leaves every other value out that is no finite number",
	}
	oldBoundsAreForgotten = exception{
		"bounds that a histogram does not have any more are forgotten",
		"a series whose bounds change and change back begins anew; Datadog's translator remembers each bucket that a series ever had, as long as the series",
	}
	namesBeginWithALetter = exception{
		"a metric's name begins with a letter and has 200 characters at most",
		"Datadog keeps no other, and an intake that refuses a body for one name would refuse its neighbours: the points are dropped and counted",
	}
	countsAreAddedUp = exception{
		"counts of one second are added up",
		"Datadog keeps the last point of a series and second: what replicas send that share host and tags would be lost; those of one call are added up, and one whose " +
			"second was sent before moves to the next free second",
	}
	sqlByLexer = exception{
		"SQL is obfuscated and normalised by go-sqllexer",
		"the exporter's default is an older obfuscator; both sides run the newer one here",
	}
	textIsUTF8 = exception{
		"text that is not UTF-8 is repaired",
		"a strict decoder refuses the whole body for it; Datadog's SQL lexer cuts some characters in pieces",
	}
	obfuscationIsOn = exception{
		"commands and query strings are obfuscated",
		"Datadog's agent can do it for Redis, Valkey, MongoDB, Elasticsearch, OpenSearch, memcached and URLs, but its exporter leaves it off; both sides run with it on",
	}
	statementsOfAnySpan = exception{
		"a statement is obfuscated whatever the type of its span",
		"db.statement and db.query.text of Redis, MongoDB and so on, of spans of other kinds, and a resource that is one of them; Datadog's agent leaves what is not on a span for SQL",
	}
	unknownRedisCommands = exception{
		"Redis commands that are not known show no arguments",
		"Datadog's agent leaves all arguments of those",
	}
	parametersAreHidden = exception{
		"parameters of queries are hidden",
		"db.query.parameter.* and db.operation.parameter.* are values by definition",
	}
	statementsAsNames = exception{
		"a span's name that is a statement shows no values as the name of an operation",
		"with span_name_as_resource_name Datadog's agent makes the operation name of the whole of it",
	}
	urlsOfAnySpan = exception{
		"user information and queries go out of every URL",
		"Datadog's agent treats http.url of spans of type web and http only; here http.target, http.referrer and url.query too",
	}
	mysqlByItsSystem = exception{
		"SQL of MySQL and MariaDB is read as theirs",
		"text in double quotes is a literal there; Datadog's agent knows the dialect from db.type only, which no OpenTelemetry SDK sets",
	}
	emptySQLIsNamed = exception{
		"SQL of which nothing is left is named",
		"a statement of nothing but comments becomes Non-parsable SQL query, as in Datadog's older obfuscator; a span without a resource is refused",
	}
	emptyResourceIsName = exception{
		"a command of which nothing is left is the operation name",
		"Datadog's agent sends an empty resource for a Redis command of blanks",
	}
	noAppAnalytics = exception{
		"no App Analytics",
		"an attribute analytics.event asks for the deprecated App Analytics; it is sent as _dd1.sr.eausr and nothing is extracted. Datadog's agent extracts at most 200 a second " +
			"(_dd.analyzed), also of traces that it drops",
	}
	sampledByPriority = exception{
		"error traces of priority 0 are kept without a limit",
		"Datadog's agent keeps ten a second; here it is given a limit that is never reached",
	}
	highPriorityKeeps = exception{
		"a priority above 2 keeps",
		"Datadog's agent drops such a trace",
	}
)

var allExceptions = []exception{
	noFallbackHost, noHeartbeats, statsOfOthersAreDropped, firstValuesSinceTheExporter, malformedHistogramCostsItselfOnly, sketchesAreFinite, extremaAreFinite,
	oldBoundsAreForgotten, namesBeginWithALetter, countsAreAddedUp,
	oneLogLayer, emptyFieldsAreAbsent, logSourceWins, tagsOfAttributesAdd, reservedFieldsAreText, emptyKeysInArrays,
	sqlByLexer, obfuscationIsOn, statementsOfAnySpan, unknownRedisCommands, parametersAreHidden, statementsAsNames, urlsOfAnySpan, mysqlByItsSystem, emptySQLIsNamed, emptyResourceIsName,
	textIsUTF8, noAppAnalytics, sampledByPriority, highPriorityKeeps,
	eventsAreNoLogs, oldItemsExpire, deepValuesAreCut, seriesAreCapped, longHistogramsAreDropped, callsAreBounded, itemsFitABody, longLogsAreCut,
	chunksAreSplit, statsAreCapped, bucketsAreApart, piecesKeepTheCommit, largeStatsAreSplit, noNumberWeighsOne,
}

// exceptions counts how often each was needed.
type exceptions struct {
	mu   *sync.Mutex
	used map[exception]int
	// counted are those that a long run must need.
	counted []exception
	// off is one that Datadog's side is not changed by, so that it shows.
	off exception
}

// without leaves Datadog's side as it is in the one point that x is about.
func (e exceptions) without(x exception) exceptions {
	e.off = x
	return e
}

// newExceptions starts with those that are in force throughout, by the configuration of Datadog's side.
func newExceptions(throughout ...exception) exceptions {
	e := exceptions{mu: &sync.Mutex{}, used: make(map[exception]int)}
	for _, x := range throughout {
		e.used[x] = 0
	}
	return e
}

// counting adds exceptions that are applied to single items, and that a long run must need.
func (e exceptions) counting(xs ...exception) exceptions {
	e.counted = xs
	return e
}

// idle are those of the counted that were never needed.
func (e exceptions) idle() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var idle []string
	for _, x := range e.counted {
		if e.used[x] == 0 {
			idle = append(idle, x.name)
		}
	}
	return idle
}

func (e exceptions) use(x exception) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.used[x]++
}

func (e exceptions) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var lines []string
	for x, n := range e.used {
		times := fmt.Sprintf("%6d ×", n)
		if n == 0 {
			times = "throughout"
		}
		lines = append(lines, fmt.Sprintf("  %10s %s: %s", times, x.name, x.reason))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
