module github.com/saedb/saedb

go 1.26
