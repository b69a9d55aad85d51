"""What the pictures of the fit show: a face upright, its eyes one unit (IOD) apart."""

SCALE = 40  # px to one IOD
LEFT, TOP = 1.9, -1.6  # IOD; to the left of and below the middle of the eyes: where the view begins
WIDTH, HEIGHT = 152, 160  # px
KEY = (33, 133, 159, 145, 263, 362, 386, 374, 61, 291, 13, 14, 0, 17, 152)  # of the face mesh
POINTS = len(KEY)
LEFT_EYE, RIGHT_EYE = slice(0, 4), slice(4, 8)
CORNERS, UPPER, LOWER, RIM_TOP, RIM_BOTTOM, CHIN = (8, 9), 10, 11, 12, 13, 14
MIRRORED = (4, 5, 6, 7, 0, 1, 2, 3, 9, 8, 10, 11, 12, 13, 14)  # which is which in a mirror
