package report_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/pathline/pathline/host/internal/report"
)

// The smallest report with something to see.
func ExampleWrite() {
	var page bytes.Buffer
	err := report.Write(&page, report.Report{
		Title: "Power",
		Training: []report.Curve{{
			Stage: "train", Step: []float64{0, 100, 200, 300}, Loss: []float64{2, 1.2, 1.1, 1.05},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bytes.Contains(page.Bytes(), []byte("<h1>Power</h1>")), bytes.Contains(page.Bytes(), []byte("<svg")))
	// Output: true true
}
