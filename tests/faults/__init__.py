"""What must hold when processes are killed, disks are full and servers do not answer."""
