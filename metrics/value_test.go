package metrics_test

import (
	"fmt"
	"math"
	"strconv"

	dto "github.com/prometheus/client_model/go"
)

// value is what a series has, in one word or a few.
func value(m *dto.Metric) string {
	switch {
	case m.GetCounter() != nil:
		return fmt.Sprint(m.GetCounter().GetValue())
	case m.GetGauge() != nil:
		return strconv.FormatFloat(m.GetGauge().GetValue(), 'f', -1, 64)
	}
	return fmt.Sprintf("%d observations of %v", m.GetHistogram().GetSampleCount(), math.Round(m.GetHistogram().GetSampleSum()*1e6)/1e6)
}
