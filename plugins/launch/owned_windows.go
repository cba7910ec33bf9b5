package launch

import "io/fs"

// owned trusts Windows, whose folder for temporary files is of the user.
func owned(fs.FileInfo) bool { return true }
