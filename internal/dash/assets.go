package dash

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

// files are the style, the scripts and their licence. htmx.min.js and hx-sse.min.js are dist/htmx.min.js and dist/ext/hx-sse.min.js of the npm
// package htmx.org 4.0.1, as they are; TestAssetsArePinned holds their digests.
//
//go:embed assets
var files embed.FS

// asset is a file as it is sent.
type asset struct {
	kind    string // its Content-Type
	zipped  []byte
	version string // of its content, a part of its address
}

// assets are the files by name: ui.css. They are compressed once.
var assets = sync.OnceValue(func() map[string]asset {
	all := map[string]asset{}
	list, err := files.ReadDir("assets")
	if err != nil {
		panic("files of the program itself: " + err.Error())
	}
	for _, f := range list {
		raw, err := files.ReadFile("assets/" + f.Name())
		if err != nil {
			panic("files of the program itself: " + err.Error())
		}
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one of gzip's
		_, _ = z.Write(raw)                                   // a buffer takes all
		_ = z.Close()
		sum := sha256.Sum256(raw)
		kind := mime.TypeByExtension(path.Ext(f.Name()))
		switch path.Ext(f.Name()) {
		case ".js":
			kind = "text/javascript; charset=utf-8"
		case ".css":
			kind = "text/css; charset=utf-8"
		case ".svg":
			kind = "image/svg+xml"
		case ".LICENSE":
			kind = "text/plain; charset=utf-8"
		}
		all[f.Name()] = asset{kind, b.Bytes(), hex.EncodeToString(sum[:6])}
	}
	return all
})

// assetPath is where a file is found: /a/0c5a1b2d3e4f/ui.css. It changes with the content, so that a browser may keep it for ever.
func assetPath(name string) string { return "/a/" + assets()[name].version + "/" + name }

// serveAsset answers /a/VERSION/NAME.
func serveAsset(out http.ResponseWriter, in *http.Request, version, name string) bool {
	a, ok := assets()[name]
	if !ok || a.version != version {
		return false
	}
	h := out.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(in.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		_, _ = out.Write(a.zipped) // who asked may be gone
		return true
	}
	raw, _ := files.ReadFile("assets/" + name) // it was read before
	_, _ = out.Write(raw)
	return true
}
