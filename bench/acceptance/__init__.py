"""Real repositories, from commit to Healthy: acceptance beyond the small manifests of the tests."""
