	.byte 0x66, 0x66, 0x48	# data16 data16 rex.W, as linkers write __tls_get_addr
	call window+0x1000
