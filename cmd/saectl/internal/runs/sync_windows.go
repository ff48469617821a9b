package runs

// syncDir does nothing: Windows cannot sync a folder, and NTFS logs renames.
func syncDir(string) error { return nil }
