// Package delivery says what became of every single item: a Client sends items that carry an id and remembers what the receiver answered, Arrivals
// sees which ids come to the stand-in's intakes, and Open reads which of them wait in the files of a collector that was killed. From the three
// follows what was lost, what arrived twice, and where a kill found the rest.
//
// A log record carries its id in its body, a span in an attribute, a data point of a gauge in an attribute that becomes a tag. So the id is in plain
// text in whatever the collector makes of the item. A Counter is a cumulative series besides, which is judged by its total.
package delivery
