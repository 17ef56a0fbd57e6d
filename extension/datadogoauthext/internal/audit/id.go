package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An ID is also the end of the keys at which a record is found. IDs sort by time, and none is a secret.
//
//	01767323041000000-3f2a9c0d11e4b7a6-5be01c     microseconds of Unix time, subject, random; its class at the end
//
//	t/<ID>              the record
//	m/<ID>, r/<ID>      the same of a minor one and of a routine one, whose IDs end with that letter
//	i/<subject>/<ID>    says that there is one of the subject, and holds nothing
//
// So the newest of all and those of one subject are read from one end of a range of keys, however many there are of others, and the
// oldest are found without being opened.
const (
	timeDigits = 17 // until the year 5138

	prefixRecord = "t/"
	prefixIndex  = "i/"
)

// Class says which records go first where there are too many. No hexadecimal digit is one.
type Class string

// The classes.
const (
	Lasting Class = ""  // changes of grants, keys and settings
	Minor   Class = "m" // what whoever may do little can do as often as they like
	Routine Class = "r" // what happens all the time, or strangers cause
)

// Classes returns all of them, first those that go first.
func Classes() []Class { return []Class{Routine, Minor, Lasting} }

// NewID makes an ID.
func NewID(at time.Time, subject string, class Class) string {
	var random [3]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return From(at) + "-" + subject + "-" + hex.EncodeToString(random[:]) + string(class)
}

// classOf reads the class at the end of an ID, which may be none.
func classOf(id string) Class {
	for _, class := range []Class{Routine, Minor} {
		if strings.HasSuffix(id, string(class)) {
			return class
		}
	}
	return Lasting
}

// Subject names what a record is about, in an ID. It is a hash: names may be long, and hold anything.
func Subject(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:8])
}

// Tenant and Org are the names of subjects.
func Tenant(name string) string { return Subject("tenant " + name) }

// Org is the subject of an organisation, named by its address.
func Org(address string) string { return Subject("org " + address) }

// From is lower than every ID of that time or later, and higher than every earlier one.
func From(at time.Time) string { return fmt.Sprintf("%0*d", timeDigits, max(0, at.UnixMicro())) }

// Time is when what an ID names happened; ok is false for what is no ID.
func Time(id string) (at time.Time, ok bool) {
	micros, rest, ok := strings.Cut(id, "-")
	subject, random, cut := strings.Cut(strings.TrimSuffix(rest, string(classOf(rest))), "-")
	n, err := strconv.ParseInt(micros, 10, 64)
	if !ok || !cut || err != nil || len(micros) != timeDigits || n < 0 || !isHex(subject, 16) || !isHex(random, 6) {
		return time.Time{}, false
	}
	return time.UnixMicro(n).UTC(), true
}

func isHex(text string, length int) bool {
	return len(text) == length && strings.Trim(text, "0123456789abcdef") == ""
}

// Key is where the record of an ID is.
func Key(id string) string { return Prefix(classOf(id)) + id }

// IndexKey is where the subject of an ID says that there is one.
func IndexKey(id string) string {
	_, rest, _ := strings.Cut(id, "-")
	subject, _, _ := strings.Cut(rest, "-")
	return prefixIndex + subject + "/" + id
}

// IDOf is the ID in a key of either form; ok is false for any other key.
func IDOf(key string) (id string, ok bool) {
	id = key[strings.LastIndexByte(key, '/')+1:]
	_, ok = Time(id)
	return id, ok && (key == Key(id) || key == IndexKey(id))
}

// Prefix is that of the keys of all records of a class.
func Prefix(class Class) string {
	if class == Lasting {
		return prefixRecord
	}
	return string(class) + "/"
}

// Index is the prefix of what the index says of one subject.
func Index(subject string) string { return prefixIndex + subject + "/" }
