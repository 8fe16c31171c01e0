"""What the machine has: devices, driver, limits, sensors and datasheet peaks."""
