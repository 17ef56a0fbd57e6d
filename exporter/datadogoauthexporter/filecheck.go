package datadogoauthexporter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/boltfile"
)

// checkFile looks for damage in a file of file_storage before it is opened, since some would end the process; see internal/boltfile. Of another storage
// nothing is known. visit, unless it is nil, is called for each key that is there.
func checkFile(ext storage.Extension, owner component.ID, name string, visit func(key []byte)) error {
	dir := directoryOf(ext)
	if dir == "" {
		return nil
	}
	return boltfile.Walk(filepath.Join(dir, fileName(owner, name)), func(_, key []byte) {
		if visit != nil {
			visit(key)
		}
	})
}

// directoryOf is where a file_storage (v0.160.0) has its files. It has no method that tells. Empty for another storage.
func directoryOf(ext storage.Extension) string {
	v := reflect.Indirect(reflect.ValueOf(ext))
	if v.Kind() != reflect.Struct || !strings.HasSuffix(v.Type().PkgPath(), "/extension/storage/filestorage") {
		return ""
	}
	cfg := v.FieldByName("cfg")
	if cfg.Kind() != reflect.Pointer || cfg.IsNil() || cfg.Elem().Kind() != reflect.Struct {
		return ""
	}
	if dir := cfg.Elem().FieldByName("Directory"); dir.Kind() == reflect.String {
		return dir.String()
	}
	return ""
}

// fileName is how file_storage (v0.160.0) names a file of an exporter.
func fileName(owner component.ID, name string) string {
	var b strings.Builder
	for _, c := range fmt.Sprintf("exporter_%s_%s_%s", owner.Type(), owner.Name(), name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(".-_", c) {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, "~%04X", c)
		}
	}
	const longest = 255 // of file systems in use
	if b.Len() > longest {
		sum := sha256.Sum256([]byte(b.String()))
		return hex.EncodeToString(sum[:])
	}
	return b.String()
}
