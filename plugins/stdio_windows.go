package plugins

import "errors"

func duplicate(int) (int, error) { return 0, errors.ErrUnsupported }

func redirect(int, int) error { return errors.ErrUnsupported }
