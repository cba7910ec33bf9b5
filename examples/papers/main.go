package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := write(filepath.Join("examples", "papers")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write writes the page of every folder of papers.
func write(papers string) error {
	folders, err := folders(papers)
	if err != nil {
		return err
	}
	for _, f := range folders {
		page, err := Page(f)
		if err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		if err := os.WriteFile(filepath.Join(f, "README.md"), page, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// folders are those with a template.
func folders(papers string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(papers, "*", pageTemplate))
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("no folder of %s has a %s", papers, pageTemplate)
	}
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found, err
}
