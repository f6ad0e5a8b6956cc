module guichet/limits

go 1.23
