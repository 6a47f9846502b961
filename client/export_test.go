package client

// BoundImport lowers the bound of an import for a test.
func (c *Client) BoundImport(bytes int) { c.mostImport = bytes }
