// Package pathtest holds the laws that every probability path obeys, for the
// paths of this module and of others.
package pathtest
