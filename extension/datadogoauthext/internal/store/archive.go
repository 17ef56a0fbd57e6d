package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"
)

// An archive is a backup of a store: lines of JSON, each ended by one line feed.
//
//	{"archive":"datadogoauth","format":1,"made":"2026-01-02T03:04:05Z","kinds":["canary",…]}
//	{"kind":"grant","key":"YWNtZQ==","version":7,"value":"AQRtYWlu…"}     one line a record, sealed as it is in the store
//	{"records":1,"sha256":"…"}                                            of every byte before this line
//
// The sum finds damage, not forgery: whoever can write the file can write the sum. That a record was not changed is proved
// by its seal, as in the store.
const (
	archiveName   = "datadogoauth"
	archiveFormat = 1
	// maxArchiveLineBytes bounds what is read for one record. A record is some kilobytes.
	maxArchiveLineBytes = 4 << 20
)

// ErrArchive means that bytes are no whole archive of a format that this program reads.
var ErrArchive = errors.New("not a whole archive of a grant store")

// Archive is what ReadArchive found. Records are in the order of the file.
type Archive struct {
	Made    time.Time
	Records []Record
}

// Snapshotter is a Store that can show all of its records as they were at one moment.
type Snapshotter interface {
	// Snapshot calls yield for every record, kind by kind in the order of Kinds and in byte order of key, the streamed kinds last, and stops
	// at its first error. No transaction is open while yield runs.
	Snapshot(ctx context.Context, yield func(Record) error) error
}

type archiveHeader struct {
	Archive string    `json:"archive"`
	Format  int       `json:"format"`
	Made    time.Time `json:"made"`
	Kinds   []Kind    `json:"kinds"`
}

type archiveRecord struct {
	Kind    Kind   `json:"kind"`
	Key     []byte `json:"key"` // base64, since a key may be any bytes
	Version uint64 `json:"version"`
	Value   []byte `json:"value"`
}

type archiveTrailer struct {
	Records int    `json:"records"`
	SHA256  string `json:"sha256"`
}

// WriteArchive writes an archive of every record of st, as they were at one moment. The caller makes what w writes to durable. An archive
// that ends with an error lacks its last line, so that nobody can take it for a whole one.
func WriteArchive(ctx context.Context, st Store, w io.Writer, now time.Time) error {
	snapshot, ok := st.(Snapshotter)
	if !ok {
		return fmt.Errorf("archive: a store of type %T cannot show its records as they were at one moment", st)
	}
	buffered := bufio.NewWriter(w)
	sum := sha256.New()
	lines := json.NewEncoder(io.MultiWriter(buffered, sum))
	if err := lines.Encode(archiveHeader{Archive: archiveName, Format: archiveFormat, Made: now.UTC().Round(0), Kinds: Kinds()}); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	records := 0
	err := snapshot.Snapshot(ctx, func(r Record) error {
		records++
		return lines.Encode(archiveRecord{Kind: r.Kind, Key: []byte(r.Key), Version: r.Version, Value: r.Value})
	})
	if err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	_, err = buffered.Write(trailerLine(records, sum))
	if err := errors.Join(err, buffered.Flush()); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	return nil
}

func trailerLine(records int, sum hash.Hash) []byte {
	line, _ := json.Marshal(archiveTrailer{Records: records, SHA256: hex.EncodeToString(sum.Sum(nil))}) // cannot fail: a number and a text
	return append(line, '\n')
}

// ReadArchive reads an archive to its end. It returns all of it, or nothing and ErrArchive with what is wrong; an error of
// r is passed on.
func ReadArchive(r io.Reader) (Archive, error) { return ReadArchiveTo(r, nil) }

// ReadArchiveTo is ReadArchive where the records of streamed kinds go to stream, one by one, and are not in the archive that it returns. Whether
// the archive is whole shows after the last of them. With a nil stream they are in it.
func ReadArchiveTo(r io.Reader, stream func(Record) error) (Archive, error) {
	archive, err := readArchive(r, stream)
	if err != nil {
		return Archive{}, fmt.Errorf("read the archive: %w", err)
	}
	return archive, nil
}

func readArchive(r io.Reader, stream func(Record) error) (Archive, error) {
	lines := archiveLines{r: bufio.NewReader(r), sum: sha256.New()}
	header, err := lines.header()
	if err != nil {
		return Archive{}, err
	}
	archive := Archive{Made: header.Made}
	seen, last := map[string]struct{}{}, Record{}
	for records := 0; ; records++ {
		line, err := lines.next()
		if err != nil {
			return Archive{}, err
		}
		if want := trailerLine(records, lines.sum); string(line) == string(want) {
			return archive, lines.end()
		}
		lines.sum.Write(line)
		var rec archiveRecord
		if err := json.Unmarshal(line, &rec); err != nil || rec.Version == 0 || len(rec.Key) == 0 || len(rec.Key) > maxKeyBytes || !slices.Contains(header.Kinds, rec.Kind) {
			return Archive{}, fmt.Errorf("%w: line %d is neither a record nor the sum of the lines before it; the file was changed or damaged", ErrArchive, lines.n)
		}
		found := Record{Kind: rec.Kind, Key: string(rec.Key), Version: rec.Version, Value: rec.Value}
		if stream != nil && Streamed(rec.Kind) {
			if found.Kind == last.Kind && found.Key <= last.Key { // they are in order, so that none has to be kept to tell
				return Archive{}, fmt.Errorf("%w: line %d holds a record a second time, or at another place", ErrArchive, lines.n)
			}
			last = Record{Kind: found.Kind, Key: found.Key}
			if err := stream(found); err != nil {
				return Archive{}, err
			}
			continue
		}
		address := string(rec.Kind) + "\x00" + string(rec.Key)
		if _, twice := seen[address]; twice {
			return Archive{}, fmt.Errorf("%w: line %d holds a record a second time", ErrArchive, lines.n)
		}
		seen[address] = struct{}{}
		archive.Records = append(archive.Records, found)
	}
}

// archiveLines reads lines and counts them.
type archiveLines struct {
	r   *bufio.Reader
	sum hash.Hash // of the lines before the present one
	n   int
}

func (l *archiveLines) header() (archiveHeader, error) {
	line, err := l.next()
	if err != nil {
		return archiveHeader{}, err
	}
	l.sum.Write(line)
	var header archiveHeader
	if err := json.Unmarshal(line, &header); err != nil || header.Archive != archiveName {
		return archiveHeader{}, fmt.Errorf("%w: its first line is not that of an archive; datadogoauthctl store backup writes one", ErrArchive)
	}
	if header.Format != archiveFormat {
		return archiveHeader{}, fmt.Errorf("%w: its format is %d, this version of datadogoauthctl reads %d; use the version that wrote it", ErrArchive, header.Format, archiveFormat)
	}
	for _, kind := range header.Kinds {
		if !slices.Contains(Kinds(), kind) {
			return archiveHeader{}, fmt.Errorf("%w: it holds %.20q records, which this version of datadogoauthctl does not know; use the version that wrote it", ErrArchive, string(kind))
		}
	}
	return header, nil
}

// next returns the next line with its line feed.
func (l *archiveLines) next() ([]byte, error) {
	l.n++
	var line []byte
	for {
		part, err := l.r.ReadSlice('\n')
		if len(line)+len(part) > maxArchiveLineBytes {
			return nil, fmt.Errorf("%w: line %d is longer than %d bytes", ErrArchive, l.n, maxArchiveLineBytes)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: it ends in line %d, before its last line: the backup was cut short; take another one", ErrArchive, l.n)
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

func (l *archiveLines) end() error {
	_, err := l.r.ReadByte()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("%w: something follows its last line", ErrArchive)
	}
}
