package dash_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/fencepost/fencepost/internal/dash"
)

// BenchmarkPage is the server's side of a page of 1,000 partitions, compressed: as it is opened first, with every row, and as an update of a stream.
// The goals: 100 ms and 100 kB with all that the page loads.
func BenchmarkPage(b *testing.B) {
	w := clicks(b)
	d, s := serve(b, dash.Config{Pipelines: []dash.Pipeline{w.pipeline()}})
	until(b, s.URL+"/p/clicks", "Choose for trips:650")
	for name, path := range map[string]string{"first": "/p/clicks", "all": "/p/clicks?rows=all", "json": "/p/clicks.json"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				in, _ := http.NewRequest("GET", "http://localhost"+path, nil)
				in.Header.Set("Accept-Encoding", "gzip")
				out := httptest.NewRecorder()
				d.ServeHTTP(out, in)
				size = out.Body.Len()
			}
			b.ReportMetric(float64(size), "B/page")
		})
	}
}
