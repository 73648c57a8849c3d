"""The `cpanel` panel: accounts of a cPanel/WHM server, through its API with a token of root or of a reseller."""
