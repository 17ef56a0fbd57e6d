// Package isolation makes telemetry that says in every field whose it is, and tells of a body that an intake got whose it is, so that a test
// can compare that with the key and the host under which it came.
//
// An Owner is a tenant in one of its organisations. It is in texts as a mark of six letters, and in numbers as a prime: each count, sum and
// value of an owner is a multiple of its prime. Multiples stay multiples when they are added, counted up and taken apart, so what is derived
// of them (a difference, a bucket, a group of stats) still tells, and the difference of two owners' counters is a multiple of neither. What is
// derived otherwise, such as the bins of a sketch, an average or a duration, tells by its size: each tenant has a range of its own. Times tell
// by windows of seconds that take turns, ids by their rest.
//
// Some series name nobody in their texts: they are the same series for every tenant, and only their values tell. These are the ones that a
// memory of series without tenants would mix up.
//
// A Checker takes every leaf of a body into account. A text without a mark must be one of the words of words.go, a field that it does not
// know is an error, and a body whose leaves do not all say the same one tenant belongs to nobody.
package isolation
