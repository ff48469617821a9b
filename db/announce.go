package db

// Announce says, to whoever finds the folder locked, at which URL this process lets others read the database. Close takes nothing back: the next
// process that opens the folder does.
func (d *DB) Announce(url string) { d.store.Announce(url) }
