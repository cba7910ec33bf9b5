// Package modeltest holds the laws that every model.Field obeys. A field's test
// hands it to Test; a stranger's field in a plugin can be tested the same way.
//
// To add a law: one function here and one line in Test.
package modeltest
