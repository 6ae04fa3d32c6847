package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sampleGroup() Group {
	ratio := 1.5
	return Group{Title: "uprobe, hot", Unit: "ns", Rows: []Row{
		{Name: "plain", Label: "plain call", Figure: &Figure{Min: 1, QuietMedian: 1.5, Samples: 10, Quiet: 9}},
		{Name: "ours", Label: "ours", Goal: goal{most: 3, ratio: 2},
			Figure: &Figure{Min: 3, QuietMedian: 3.75, AddedMin: 2, Added: 2.25, Samples: 10, Quiet: 2, Disturbed: true, OverLimit: &ratio}},
		newAbsentRow(row{site: "kernel", label: "kernel"}, fmt.Errorf("%w: not permitted", errAbsent)),
		newAbsentRow(row{site: "broken", label: "broken"}, errors.New("1000 calls counted 0 hits, not 1000")),
	}}
}

func TestPrintTable(t *testing.T) {
	const want = `
uprobe, hot, ns                                     min     median      Δ min   Δ median  × limit    quiet  goal
  plain call                                       1.00       1.50       0.00       0.00              9/10
  ours                                             3.00      ~3.75       2.00      ~2.25     1.50     2/10  ≤ 3 or ≤ 2×: met
  kernel                                       not measured: not permitted
  broken                                       FAILED: 1000 calls counted 0 hits, not 1000
`
	var out strings.Builder
	sampleGroup().print(&out)
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}

func TestReportIsJSON(t *testing.T) {
	const want = `{"title":"uprobe, hot","unit":"ns","rows":[` +
		`{"name":"plain","label":"plain call","figure":{"min":1,"quiet_median":1.5,"median":0,"samples":10,"quiet":9,"added_min":0,"added":0}},` +
		`{"name":"ours","label":"ours","goal":{"most":3,"ratio":2},"figure":{"min":3,"quiet_median":3.75,"median":0,"samples":10,"quiet":2,"disturbed":true,"added_min":2,"added":2.25,"over_limit":1.5}},` +
		`{"name":"kernel","label":"kernel","absent":"not measured: not permitted"},` +
		`{"name":"broken","label":"broken","failed":"1000 calls counted 0 hits, not 1000"}]}`
	got, err := json.Marshal(sampleGroup())
	if err != nil || string(got) != want {
		t.Errorf("got %s %v\nwant %s", got, err, want)
	}
}

func TestWriteReport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.json")
	if err := (Report{Groups: []Group{sampleGroup()}}).write(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || !json.Valid(text) {
		t.Errorf("wrote %q, %v", text, err)
	}
}

func TestOnlyFailedRowsFail(t *testing.T) {
	err := Report{Groups: []Group{sampleGroup()}}.failures()
	if err == nil || err.Error() != "uprobe, hot: broken: 1000 calls counted 0 hits, not 1000" {
		t.Errorf("failures = %v", err)
	}
}
