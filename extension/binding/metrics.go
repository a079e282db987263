package binding

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"go.k6.io/k6/v2/metrics"
)

// metricsJSON is lib/metrics.ts, where metrics are defined; `npm run docs`
// derives it.
//
//go:embed metrics.json
var metricsJSON []byte

// metricSpec is one metric of the table.
type metricSpec struct {
	Kind string              `json:"kind"`
	Unit string              `json:"unit"`
	By   map[string][]string `json:"by"`
	// Ours is what of By is this side's own doing: see lib/generator-faults.ts.
	Ours map[string][]string `json:"ours"`
}

var metricTable = func() (table map[string]metricSpec) {
	if err := json.Unmarshal(metricsJSON, &table); err != nil {
		panic(fmt.Errorf("metrics.json: %w", err))
	}
	return table
}()

// metricSet is the metrics that a Swarm records, by their names in the table.
type metricSet struct {
	ConnectLatency     *metrics.Metric `metric:"ws_connect_latency_ms"`
	ConnectPhase       *metrics.Metric `metric:"ws_connect_phase_ms"`
	ConnectFailures    *metrics.Metric `metric:"ws_connect_failures"`
	ConnectionsUnmet   *metrics.Metric `metric:"ws_connections_given_up"`
	TimeToReach        *metrics.Metric `metric:"ws_time_to_reach_ms"`
	GeneratorDelay     *metrics.Metric `metric:"ws_generator_delay_ms"`
	Uncertain          *metrics.Metric `metric:"ws_arrivals_uncertain"`
	MessageBytes       *metrics.Metric `metric:"ws_message_bytes"`
	WireBytes          *metrics.Metric `metric:"ws_wire_bytes"`
	TCPConnections     *metrics.Metric `metric:"ws_tcp_connections"`
	Compressed         *metrics.Metric `metric:"ws_sessions_compressed"`
	Unmeasured         *metrics.Metric `metric:"ws_unmeasured"`
	Drops              *metrics.Metric `metric:"ws_connection_drops"`
	DropRate           *metrics.Metric `metric:"ws_connection_drop_rate"`
	SessionsOpened     *metrics.Metric `metric:"ws_sessions_opened"`
	SessionsClosed     *metrics.Metric `metric:"ws_sessions_closed"`
	ActiveSessions     *metrics.Metric `metric:"ws_active_sessions"`
	MessageErrors      *metrics.Metric `metric:"ws_message_errors"`
	ContractMessages   *metrics.Metric `metric:"ws_contract_messages"`
	ContractViolations *metrics.Metric `metric:"ws_contract_violations"`
	ContractUnchecked  *metrics.Metric `metric:"ws_contract_unchecked"`
	FanOutLag          *metrics.Metric `metric:"ws_fanout_lag_ms"`
	FanOutServerLag    *metrics.Metric `metric:"ws_fanout_server_lag_ms"`
	FanOutSpread       *metrics.Metric `metric:"ws_fanout_spread_ms"`
	RTT                *metrics.Metric `metric:"ws_msg_rtt_ms"`
	Service            *metrics.Metric `metric:"ws_msg_service_ms"`
	Probes             *metrics.Metric `metric:"ws_probes"`
	Replies            *metrics.Metric `metric:"ws_replies"`
	Reconnects         *metrics.Metric `metric:"ws_reconnects"`
	ReconnectTime      *metrics.Metric `metric:"ws_reconnect_time_ms"`
	Publications       *metrics.Metric `metric:"ws_publications"`
	Deliveries         *metrics.Metric `metric:"ws_deliveries"`
	Lost               *metrics.Metric `metric:"ws_messages_lost"`
	Duplicated         *metrics.Metric `metric:"ws_messages_duplicated"`
	Reordered          *metrics.Metric `metric:"ws_messages_reordered"`
	Late               *metrics.Metric `metric:"ws_messages_late"`
	Foreign            *metrics.Metric `metric:"ws_messages_foreign"`
	RepliedRate        *metrics.Metric `metric:"ws_reply_success_rate"`
	DeliveredRate      *metrics.Metric `metric:"ws_delivery_success_rate"`
	FirstByte          *metrics.Metric `metric:"sse_first_byte_ms"`
	FirstEvent         *metrics.Metric `metric:"sse_first_event_ms"`
	EventGap           *metrics.Metric `metric:"sse_event_gap_ms"`
	LongestStall       *metrics.Metric `metric:"sse_longest_stall_ms"`
	Events             *metrics.Metric `metric:"sse_events"`
	EventReads         *metrics.Metric `metric:"sse_reads"`
	Comments           *metrics.Metric `metric:"sse_comments"`
	InvalidEvents      *metrics.Metric `metric:"sse_events_invalid_utf8"`
	ActiveStreams      *metrics.Metric `metric:"sse_active_streams"`

	ContractSentMessages   *metrics.Metric `metric:"ws_contract_sent_messages"`
	ContractSentViolations *metrics.Metric `metric:"ws_contract_sent_violations"`
	ContractSentUnchecked  *metrics.Metric `metric:"ws_contract_sent_unchecked"`

	TokenRequests     *metrics.Metric `metric:"token_requests"`
	TokenFailures     *metrics.Metric `metric:"token_request_failures"`
	TokenFinished     *metrics.Metric `metric:"token_success_rate"`
	TokenGood         *metrics.Metric `metric:"token_good_rate"`
	TokenFirstByte    *metrics.Metric `metric:"token_first_byte_ms"`
	TokenFirstEvent   *metrics.Metric `metric:"token_first_event_ms"`
	TokenFirstContent *metrics.Metric `metric:"token_first_content_ms"`
	TokenContentGap   *metrics.Metric `metric:"token_content_gap_ms"`
	TokenPerToken     *metrics.Metric `metric:"token_per_token_ms"`
	TokenStream       *metrics.Metric `metric:"token_stream_ms"`
	TokenConnect      *metrics.Metric `metric:"token_connect_ms"`
	TokenEvents       *metrics.Metric `metric:"token_events"`
	TokenChunks       *metrics.Metric `metric:"token_chunks"`
	TokenOutput       *metrics.Metric `metric:"token_output_tokens"`
	TokenPrompt       *metrics.Metric `metric:"token_prompt_tokens"`
	TokenStalls       *metrics.Metric `metric:"token_stalls"`
	TokenBuffered     *metrics.Metric `metric:"token_buffered_streams"`
	TokenBursts       *metrics.Metric `metric:"token_bursts"`
	TokenBurstChunks  *metrics.Metric `metric:"token_burst_chunks"`
	TokenActive       *metrics.Metric `metric:"token_active_streams"`
}

var kinds = map[string]metrics.MetricType{
	"trend": metrics.Trend, "counter": metrics.Counter, "rate": metrics.Rate, "gauge": metrics.Gauge,
}

// registerMetrics declares all of them, which k6 allows in the init context
// only and as often as one likes.
func registerMetrics(registry *metrics.Registry) (*metricSet, error) {
	set := &metricSet{}
	fields := reflect.ValueOf(set).Elem()
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Tag.Get("metric")
		spec, known := metricTable[name]
		if !known {
			return nil, fmt.Errorf("metric %s is not in lib/metrics.ts", name)
		}
		value := metrics.Default
		if spec.Unit == "ms" {
			value = metrics.Time
		}
		metric, err := registry.NewMetric(name, kinds[spec.Kind], value)
		if err != nil {
			return nil, fmt.Errorf("metric %s: %w", name, err)
		}
		fields.Field(i).Set(reflect.ValueOf(metric))
	}
	return set, nil
}

// listed is value where the closed list of a metric's tag has it, else "other".
func listed(metric *metrics.Metric, tag, value string) string {
	if slices.Contains(metricTable[metric.Name].By[tag], value) {
		return value
	}
	return "other"
}
