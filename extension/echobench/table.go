package echobench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Table is the rows of a testset.
type Table struct {
	Testset *Testset
	// Rounds is how often each case is measured of a server. 0 is once.
	Rounds int
	Rows   []*Row
}

// none stands where there is no value.
const none = "-"

// cells are the table, its head first, with the columns of the older suite and
// ours behind them. Round trips come last, as many as a row has.
func (t *Table) cells() [][]string {
	head := []string{"name", "outcome", "count", "size", "min", "median", "max", "avg", "stddev"}
	for i := range t.Testset.Quantiles {
		head = append(head, fmt.Sprintf("q%d", i))
	}
	head = append(head, "mode", "echoes_per_s", "generator")
	if t.Rounds > 1 {
		head = append(head, "round")
	}
	local := slices.ContainsFunc(t.Rows, func(r *Row) bool { return r.Local != nil })
	if local {
		head = append(head, "server_cpu_us", "server_mib")
	}
	if t.Testset.RTTs {
		head = append(head, "rtts")
	}
	cells := [][]string{head}
	for _, r := range t.Rows {
		cells = append(cells, t.row(r, local))
	}
	return cells
}

func (t *Table) row(r *Row, local bool) []string {
	cells := []string{r.Server, string(r.Outcome), strconv.Itoa(r.Case.Count), strconv.Itoa(r.Case.Size)}
	us := func(values ...float64) {
		for _, v := range values {
			cells = append(cells, strconv.FormatFloat(v, 'f', t.Testset.Digits, 64))
		}
	}
	f := r.Figures(t.Testset.Quantiles)
	if f != nil {
		us(f.Min, f.Median, f.Max, f.Avg, f.StdDev)
		us(f.Quantiles...)
	} else {
		cells = append(cells, slices.Repeat([]string{none}, 5+t.Testset.Quantiles)...)
	}
	cells = append(cells, r.Case.Words(), strconv.FormatFloat(r.EchoesPerSecond, 'f', 0, 64), r.generator())
	if t.Rounds > 1 {
		cells = append(cells, strconv.Itoa(r.Turn.Round))
	}
	if local && r.Local != nil && f != nil {
		us(microseconds(r.Local.CPU) / float64(len(r.latencies)))
		cells = append(cells, strconv.FormatFloat(float64(r.Local.Resident)/(1<<20), 'f', 1, 64))
	} else if local {
		cells = append(cells, none, none)
	}
	if t.Testset.RTTs {
		us(r.RoundTrips()...)
	}
	return cells
}

func (r *Row) generator() string {
	if len(r.latencies) == 0 {
		return none
	}
	return string(r.Ours)
}

// Words say how a case's messages follow each other, in one word.
func (c *Case) Words() string {
	words := c.Mode()
	switch {
	case c.Rate > 0:
		words += "@" + strconv.FormatFloat(c.Rate, 'f', -1, 64)
	case c.Depth > 1:
		words += ":" + strconv.Itoa(c.Depth)
	}
	if c.Connections > 1 {
		words += "x" + strconv.Itoa(c.Connections)
	}
	return words
}

// Volume is how much a case moves, in words.
func (c *Case) Volume() string {
	if c.Handshakes {
		return fmt.Sprintf("%d handshakes", c.Count)
	}
	return fmt.Sprintf("%d messages of %d bytes", c.Count, c.Size)
}

// what a case counts.
func (c *Case) what() string {
	if c.Handshakes {
		return "handshakes"
	}
	return "echoes"
}

// WriteSeparated writes the table with a separator between the columns.
func (t *Table) WriteSeparated(w io.Writer) error {
	var b strings.Builder
	for _, row := range t.cells() {
		b.WriteString(strings.Join(row, t.Testset.Sep))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteText writes the table for a terminal, without the round trips, and
// behind it why rows did not pass, and why the generator was the bottleneck.
func (t *Table) WriteText(w io.Writer) error {
	var b strings.Builder
	aligned(&b, t.short().cells(), "", "  ", "")
	for _, note := range t.Notes() {
		b.WriteString(note + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteMarkdown writes the same for a page.
func (t *Table) WriteMarkdown(w io.Writer) error {
	cells := t.short().cells()
	for _, row := range cells {
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "|", `\|`)
		}
	}
	rule := slices.Repeat([]string{"---"}, len(cells[0]))
	var b strings.Builder
	aligned(&b, slices.Insert(cells, 1, rule), "| ", " | ", " |")
	for _, note := range t.Notes() {
		b.WriteString("\n" + note + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) short() *Table {
	set := *t.Testset
	set.RTTs = false
	return &Table{Testset: &set, Rounds: t.Rounds, Rows: t.Rows}
}

func aligned(b *strings.Builder, cells [][]string, before, between, after string) {
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range cells {
		line := before
		for i, cell := range row {
			if i > 0 {
				line += between
			}
			line += cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		}
		b.WriteString(strings.TrimRight(line+after, " ") + "\n")
	}
}

// Notes are what the table's words leave out, a sentence each.
func (t *Table) Notes() (notes []string) {
	for _, r := range t.Rows {
		name := fmt.Sprintf("%s, %d bytes, %s", r.Server, r.Case.Size, r.Case.Words())
		if r.Why != "" {
			notes = append(notes, fmt.Sprintf("%s: %s after %d of %d %s: %s", name, r.Outcome, len(r.latencies), r.Case.Count, r.Case.what(), r.Why))
		}
		if r.Because != "" {
			notes = append(notes, fmt.Sprintf("%s: %s: %s", name, r.Ours, r.Because))
		}
	}
	if slices.ContainsFunc(t.Rows, func(r *Row) bool { return !r.KernelStamps }) {
		notes = append(notes, "This system does not tell when echoes arrived: latencies last until they were read.")
	}
	return notes
}

// jsonRow is a Row as JSON. Times are in microseconds.
type jsonRow struct {
	Name            string    `json:"name"`
	Server          int       `json:"server"`
	Testset         int       `json:"testset"`
	Case            int       `json:"case"`
	Round           int       `json:"round"`
	Outcome         Outcome   `json:"outcome"`
	Why             string    `json:"why,omitempty"`
	Count           int       `json:"count"`
	Echoes          int       `json:"echoes"`
	Size            int       `json:"size"`
	Binary          bool      `json:"binary"`
	Verify          bool      `json:"verify"`
	Mode            string    `json:"mode"`
	Connections     int       `json:"connections"`
	Depth           int       `json:"depth,omitempty"`
	Rate            float64   `json:"rate,omitempty"`
	MinUs           *float64  `json:"minUs"`
	MedianUs        *float64  `json:"medianUs"`
	MaxUs           *float64  `json:"maxUs"`
	AvgUs           *float64  `json:"avgUs"`
	StdDevUs        *float64  `json:"stddevUs"`
	QuantilesUs     []float64 `json:"quantilesUs"`
	EchoesPerSecond float64   `json:"echoesPerSecond"`
	Generator       Ours      `json:"generator"`
	Because         string    `json:"because,omitempty"`
	KernelStamps    bool      `json:"kernelStamps"`
	ServerCPUUs     *float64  `json:"serverCpuUsPerEcho,omitempty"`
	ServerBytes     *int64    `json:"serverResidentBytes,omitempty"`
	RTTsUs          []float64 `json:"rttsUs,omitempty"`
	YardstickUs     float64   `json:"yardstickUs,omitempty"`
}

// WriteJSON writes all rows of tables as one list.
func WriteJSON(w io.Writer, tables []*Table) error {
	rows := []jsonRow{}
	for i, t := range tables {
		for _, r := range t.Rows {
			row := r.asJSON(t.Testset)
			row.Testset = i
			rows = append(rows, row)
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(rows)
}

func (r *Row) asJSON(set *Testset) jsonRow {
	c := &r.Case
	j := jsonRow{
		Name: r.Server, Server: r.Turn.Server, Case: r.Turn.Case, Round: r.Turn.Round, Outcome: r.Outcome, Why: r.Why, Count: c.Count, Echoes: len(r.latencies), Size: c.Size,
		Binary: c.Binary, Verify: c.Verify, Mode: c.Mode(), Connections: c.Connections, Depth: c.Depth, Rate: c.Rate,
		QuantilesUs: []float64{}, EchoesPerSecond: r.EchoesPerSecond,
		Generator: r.Ours, Because: r.Because, KernelStamps: r.KernelStamps, YardstickUs: microseconds(r.Yardstick),
	}
	f := r.Figures(set.Quantiles)
	if f == nil {
		return j
	}
	j.MinUs, j.MedianUs, j.MaxUs, j.AvgUs, j.StdDevUs, j.QuantilesUs = &f.Min, &f.Median, &f.Max, &f.Avg, &f.StdDev, f.Quantiles
	if r.Local != nil {
		perEcho := microseconds(r.Local.CPU) / float64(len(r.latencies))
		j.ServerCPUUs, j.ServerBytes = &perEcho, &r.Local.Resident
	}
	if set.RTTs {
		j.RTTsUs = r.RoundTrips()
	}
	return j
}
