"""What lists mean, the identity code table, and one policy per place: data, read by `gateway.mappings`."""
