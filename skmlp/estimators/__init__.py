"""What users call: scikit-learn's conventions, and no mathematics."""
